/** What an agent's hooks and its CLI's own record tell on another machine is known here. */
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'vitest';
import { Fleet, until } from '../harness.ts';
import { SshLab } from '../ssh/lab.ts';

let fleet: Fleet;
let lab: SshLab;
beforeEach(() => {
  fleet = new Fleet();
  lab = new SshLab();
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

/** Stands in for Claude Code: its prompt, and two tools it has used, told as its hooks would. */
const CLAUDE = `#!/bin/sh
[ "$1" = --version ] && { echo '2.1.197 (Claude Code)'; exit 0; }
record=$HOME/.claude/projects/w/s.jsonl
mkdir -p "$(dirname "$record")"
cp "$(dirname "$0")/transcript.jsonl" "$record"
for tool in Bash Read; do
  printf '{"session_id":"s","transcript_path":"%s","tool_name":"%s","tool_input":{"command":"ls"}}' "$record" "$tool" | sh "$SAC_HOOK" hook-event pretool
  printf '{"session_id":"s","tool_name":"%s"}' "$tool" | sh "$SAC_HOOK" hook-event posttool
done
exec sleep 54321
`;
/** Stands in for Codex, which has no hooks: its record is found by its working directory. */
const CODEX = `#!/bin/sh
folder=$HOME/.codex/sessions/2026/11/21
mkdir -p "$folder"
sed 's#"cwd":"[^"]*"#"cwd":"'"$(pwd -P)"'"#g' "$(dirname "$0")/rollout.jsonl" > "$folder/rollout-1.jsonl"
exec sleep 54321
`;
const saved = (file: string) => new URL(`../../adapters/profiles/testdata/${file}`, import.meta.url);

it('by one look at the spools and records of its host', { timeout: 240_000 }, async () => {
  const sshd = await lab.sshd();
  const user = lab.user('dash');
  for (const [program, script] of Object.entries({ claude: CLAUDE, codex: CODEX })) {
    writeFileSync(join(lab.dir, program), script);
    chmodSync(join(lab.dir, program), 0o755);
  }
  for (const [from, to] of Object.entries({
    'claude-hooks/transcript': 'transcript',
    'codex-0.169.0/rollout': 'rollout',
  })) {
    copyFileSync(saved(`${from}.jsonl`), join(lab.dir, `${to}.jsonl`));
    chmodSync(join(lab.dir, `${to}.jsonl`), 0o644);
  }
  const spec = {
    address: '127.0.0.1',
    port: sshd.port,
    user,
    identity: lab.identity,
    knownHosts: [lab.knownHosts],
    sshConfig: 'none',
    runtimes: ['tmux'],
  };
  fleet.write('agents/far/spec.yaml', JSON.stringify({ apiVersion: 'sac/v1', kind: 'Host', spec }));
  for (const [name, profile] of Object.entries({ web: 'claude-code', dev: 'codex' }))
    fleet.write(
      `agents/${name}/spec.yaml`,
      JSON.stringify({
        apiVersion: 'sac/v1',
        kind: 'Agent',
        spec: { profile, env: { PATH: `${lab.dir}:/usr/bin:/bin` }, place: { host: 'far' } },
      }),
    );
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await until(
    'its tools are told',
    async () => {
      const status = await fleet.ok(['status', 'web', '-o', 'json']);
      if (/"Bash": ?1/.test(status) && /"Read": ?1/.test(status)) return true;
      throw new Error(status);
    },
    120_000,
  );
  const tokens = async (name: string): Promise<number> => {
    const { tokens: known, facts } = await fleet.json(['status', name]);
    return facts.tokens?.source === 'transcript' ? known.output : 0;
  };
  for (const name of ['web', 'dev'])
    await until(`the record of ${name} is read`, async () => (await tokens(name)) > 0, 60_000);
});

/** What an agent's hooks and its CLI's own record tell on another machine is known here. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { image, manifestOptions, removeFleet } from '../containers/engines.ts';
import { Fleet, until } from '../harness.ts';
import { conversationIn } from '../opencode-database.ts';
import { SshLab } from '../ssh/lab.ts';

let fleet: Fleet;
let lab: SshLab;
beforeEach(() => {
  fleet = new Fleet();
  lab = new SshLab();
});
afterEach(async () => {
  const boxes = existsSync(join(fleet.home, 'fleet')) ? fleet.fleetId : undefined;
  await fleet[Symbol.asyncDispose]();
  if (boxes !== undefined) removeFleet('docker', boxes);
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
/** Stands in for OpenCode, whose conversation is in a database. */
const OPENCODE = `#!/bin/sh
mkdir -p "$HOME/.local/share/opencode"
cp opencode.db "$HOME/.local/share/opencode/opencode.db"
echo one
exec sleep 54321
`;
/** As Claude Code does in a container of that host: its hooks, called with what an image has. */
const BOXED = `#!/bin/sh
printf '{"session_id":"s","tool_name":"Bash","tool_input":{"command":"ls"}}' | sh "$SAC_HOOK" hook-event pretool
printf '{"session_id":"s","tool_name":"Bash"}' | sh "$SAC_HOOK" hook-event posttool
sleep 54321
`;
const saved = (file: string) => new URL(`../../adapters/profiles/testdata/${file}`, import.meta.url);

const declare = (name: string, spec: object) =>
  fleet.write(`agents/${name}/spec.yaml`, JSON.stringify({ apiVersion: 'sac/v1', kind: 'Agent', spec }));
const declareHost = (
  name: string,
  own: { readonly port: number; readonly user: string; readonly runtimes: string[] },
) => {
  const shared = { address: '127.0.0.1', identity: lab.identity, knownHosts: [lab.knownHosts], sshConfig: 'none' };
  fleet.write(
    `agents/${name}/spec.yaml`,
    JSON.stringify({ apiVersion: 'sac/v1', kind: 'Host', spec: { ...shared, ...own } }),
  );
};

it('by one look at the spools and records of its host', { timeout: 240_000 }, async () => {
  const sshd = await lab.sshd();
  const user = lab.user('dash');
  for (const [program, script] of Object.entries({ claude: CLAUDE, codex: CODEX, opencode: OPENCODE })) {
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
  declareHost('far', { port: sshd.port, user, runtimes: ['tmux'] });
  for (const [name, profile] of Object.entries({ web: 'claude-code', dev: 'codex' }))
    declare(name, { profile, env: { PATH: `${lab.dir}:/usr/bin:/bin` }, place: { host: 'far' } });
  const inDatabase = join(lab.dir, 'data');
  mkdirSync(inDatabase);
  chmodSync(inDatabase, 0o777);
  conversationIn(inDatabase);
  chmodSync(join(inDatabase, 'opencode.db'), 0o644);
  declare('data', {
    profile: 'opencode',
    env: { PATH: `${lab.dir}:/usr/bin:/bin` },
    workspace: inDatabase,
    place: { host: 'far' },
    startup: { timeout: '1s', onTimeout: 'continue' },
  });
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
  await until(
    'the database is read',
    async () => {
      const { last_user_msg, facts, status, pane_text } = await fleet.json(['status', 'data']);
      if (last_user_msg === 'hello database' && facts.sessionId?.value === 'ses_a') return true;
      throw new Error(JSON.stringify([status.phase, last_user_msg, facts, pane_text]));
    },
    120_000,
  );
});

it('out of a container of its host', { timeout: 300_000 }, async () => {
  const sshd = await lab.sshd();
  // Root's own: whoever may use the engine there.
  declareHost('box', { port: sshd.port, user: 'root', runtimes: ['docker'] });
  const workspace = join(fleet.dir, 'work');
  mkdirSync(workspace, { recursive: true });
  writeFileSync(join(workspace, 'program'), BOXED);
  declare('boxed', {
    profile: 'claude-code',
    command: ['sh', join(workspace, 'program')],
    workspace,
    place: { host: 'box', runtime: 'docker', docker: manifestOptions('docker', image('docker', 'plain')) },
    startup: { timeout: '1s', onTimeout: 'continue' },
  });
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  const heard = await until(
    'its hooks are heard',
    async () => {
      const status = await fleet.json(['status', 'boxed']);
      if (status.facts?.lastTool?.source === 'hooks') return status;
      throw new Error(JSON.stringify([status.status, status.facts]));
    },
    180_000,
  );
  expect(heard).toMatchObject({ tool_counts: { Bash: 1 }, last_tool_name: 'Bash' });
});

/** What an agent's hooks tell on another machine is known here. */
import { chmodSync, writeFileSync } from 'node:fs';
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
for tool in Bash Read; do
  printf '{"session_id":"s","tool_name":"%s","tool_input":{"command":"ls"}}' "$tool" | sh "$SAC_HOOK" hook-event pretool
  printf '{"session_id":"s","tool_name":"%s"}' "$tool" | sh "$SAC_HOOK" hook-event posttool
done
exec sleep 54321
`;

it('by one look at the spools of its host', { timeout: 240_000 }, async () => {
  const sshd = await lab.sshd();
  const user = lab.user('dash');
  writeFileSync(join(lab.dir, 'claude'), CLAUDE);
  chmodSync(join(lab.dir, 'claude'), 0o755);
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
  fleet.write(
    'agents/web/spec.yaml',
    JSON.stringify({
      apiVersion: 'sac/v1',
      kind: 'Agent',
      spec: { profile: 'claude-code', env: { PATH: `${lab.dir}:/usr/bin:/bin` }, place: { host: 'far' } },
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
});

/** What an agent's CLI writes down in a container is read in there, and its hooks are heard: the CLI is a stand-in that does as Claude Code does. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Fleet, until } from '../harness.ts';
import { conversationIn } from '../opencode-database.ts';
import { image, manifestOptions, removeFleet } from './engines.ts';

const SESSION = '0b5e0000-0000-4000-8000-000000000001';
const PROGRAM = `#!/bin/sh
folder=$HOME/.claude/projects/work record=$HOME/.claude/projects/work/${SESSION}.jsonl
mkdir -p "$folder/subagents"
line() { printf '{"type":"%s","cwd":"%s","sessionId":"${SESSION}","timestamp":"%s","message":%s}\\n' "$1" "$PWD" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$2"; }
answer() { line assistant "{\\"id\\":\\"$1\\",\\"model\\":\\"claude-test\\",\\"usage\\":{\\"input_tokens\\":$2,\\"output_tokens\\":7},\\"content\\":[]}"; }
{ line user '{"role":"user","content":"hello in there"}'; answer m1 100; } >> "$record"
line user '{"role":"user","content":"of a subagent"}' > "$folder/subagents/agent-1.jsonl"
echo one
until [ -e go ]; do sleep 0.2; done
{ line user '{"role":"user","content":"and now this"}'; answer m2 20; } >> "$record"
printf '{"session_id":"${SESSION}","tool_name":"Bash","tool_input":{"command":"ls"}}' | sh "$SAC_HOOK" hook-event pretool
printf '{"session_id":"${SESSION}","tool_name":"Bash"}' | sh "$SAC_HOOK" hook-event posttool
echo two
sleep 1000
`;

/** A CLI that keeps its conversation as OpenCode does, in its home in there. */
const WITH_DATABASE = `#!/bin/sh
mkdir -p "$HOME/.local/share/opencode"
cp opencode.db "$HOME/.local/share/opencode/opencode.db"
echo one
sleep 1000
`;

describe.each(['docker', 'podman'] as const)('in %s', (engine) => {
  let fleet: Fleet;
  afterEach(async () => {
    const { fleetId } = fleet;
    await fleet[Symbol.asyncDispose]();
    removeFleet(engine, fleetId);
  });

  it('a record below the home of a container is found, and read on when its screen changes', {
    timeout: 300_000,
  }, async () => {
    fleet = new Fleet({}, { calls: 'here' });
    const workspace = join(fleet.dir, 'work');
    mkdirSync(workspace);
    writeFileSync(join(workspace, 'program'), PROGRAM);
    await fleet.controller();
    const spec = {
      profile: 'claude-code',
      command: ['sh', join(workspace, 'program')],
      workspace,
      place: { runtime: engine, [engine]: manifestOptions(engine, image(engine, 'plain')) },
      startup: { timeout: '1s', onTimeout: 'continue' },
    };
    const other = join(fleet.dir, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'program'), WITH_DATABASE);
    conversationIn(other);
    const inDatabase = { ...spec, profile: 'opencode', command: ['sh', join(other, 'program')], workspace: other };
    const agent = (name: string, of: object) => ({ apiVersion: 'sac/v1', kind: 'Agent', metadata: { name }, spec: of });
    const manifests = [agent('web', spec), agent('data', inDatabase)].map((one) => JSON.stringify(one)).join('\n---\n');
    await fleet.ok(['apply', '-f', fleet.write('agents.yaml', manifests)]);
    const told = (prompt: string) =>
      until(
        prompt,
        async () => {
          const status = await fleet.json(['status', 'web']);
          if (status.last_user_msg === prompt && status.facts.tokens) return status;
          throw new Error(JSON.stringify([status.status.phase, status.last_user_msg, status.facts, status.pane_text]));
        },
        90_000,
      );
    expect(await told('hello in there')).toMatchObject({
      tokens: { input: 100, output: 7 },
      facts: { tokens: { source: 'transcript' }, sessionId: { value: SESSION } },
    });
    await until('the conversation in the database', async () => {
      const { last_user_msg, facts, status, pane_text } = await fleet.json(['status', 'data']);
      if (last_user_msg === 'hello database' && facts.sessionId?.value === 'ses_a') return true;
      throw new Error(JSON.stringify([status.phase, last_user_msg, facts, pane_text]));
    });
    writeFileSync(join(workspace, 'go'), '');
    expect((await told('and now this')).tokens).toMatchObject({ input: 120, output: 14 });
    // As its hooks call it, with an image that has busybox and nothing else.
    const heard = await until('its hooks', async () => {
      const status = await fleet.json(['status', 'web']);
      if (status.facts.lastTool?.source === 'hooks') return status;
      throw new Error(JSON.stringify([status.facts, status.recent_tools]));
    });
    expect(heard).toMatchObject({ tool_counts: { Bash: 1 }, last_tool_name: 'Bash' });
    expect(Date.parse(heard.last_tool_at)).toBeGreaterThan(Date.parse(heard.status.instances[0].startedAt) - 1_000);
  });
});

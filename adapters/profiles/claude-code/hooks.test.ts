import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  HOOK_KINDS,
  type HookEvent,
  type HookKind,
  type HookPayload,
} from '../../../api/resources/agent/hook-event.ts';
import { ClaudeHooks, readClaudeHooks } from './hooks.ts';

const payloads = (which: string): readonly HookPayload[] =>
  readFileSync(join(import.meta.dirname, `../testdata/claude-hooks/${which}-payloads.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const REAL = [...payloads('bypass'), ...payloads('default')];
const real = (name: string, where: (payload: HookPayload) => boolean = () => true): HookPayload => {
  const found = REAL.find((payload) => payload['hook_event_name'] === name && where(payload));
  if (found === undefined) throw new Error(`no ${name} was captured`);
  return found;
};
let now = 1_800_000_000_000;
const next = (): number => {
  now += 1000;
  return now;
};
const event = (payload: HookPayload, kind: HookKind = 'other'): HookEvent => ({
  kind,
  at: next(),
  payload,
  cut: false,
});
const tell = (...given: readonly HookPayload[]) => readClaudeHooks(given.map((payload) => event(payload)));

describe('real payloads', () => {
  test.each([
    ['PreToolUse', 'working'],
    ['PostToolUse', 'working'],
    ['UserPromptSubmit', 'working'],
    ['Stop', 'idle'],
    ['PreCompact', 'compacting'],
    ['PostCompact', 'idle'],
  ])('%s means %s', (name, activity) => {
    expect(tell(real(name))).toMatchObject({ activity: { value: activity, source: 'hooks' } });
  });
  test('a permission and a question are told apart, and named', () => {
    const bash = tell(real('PermissionRequest', (payload) => payload['tool_name'] === 'Bash'));
    expect(bash.activity?.value).toBe('permission_prompt');
    expect(bash.activityReason?.value).toMatch(/^Bash: ls -la/);
    const asked = tell(real('PermissionRequest', (payload) => payload['tool_name'] === 'AskUserQuestion'));
    expect(asked.activity?.value).toBe('question');
  });
  test('a notification says the same with fewer words, and never takes the better ones away', () => {
    const notification = real('Notification', (payload) => payload['notification_type'] === 'permission_prompt');
    expect(tell(notification).activity?.value).toBe('permission_prompt');
    expect(
      tell(
        real('PermissionRequest', (p) => p['tool_name'] === 'Bash'),
        notification,
      ).activityReason?.value,
    ).toMatch(/^Bash/);
    expect(tell(real('Notification', (p) => p['notification_type'] === 'idle_prompt')).activity?.value).toBe('idle');
  });
  test('a turn that failed says why', () => {
    expect(tell(real('StopFailure'))).toMatchObject({
      activity: { value: 'error' },
      activityReason: { value: 'billing_error' },
    });
  });
  test.each([
    ['server_error', 'API Error: 529 Overloaded. This is a server-side issue.', 'overloaded'],
    ['overloaded', '', 'overloaded'],
    ['server_error', 'API Error: 500 Internal server error', 'server_error'],
    ['unknown', 'API Error: Connection error.', undefined],
  ])('%s (%s): whose fault it is, until something else happens', (error, last_assistant_message, fault) => {
    const failed = { hook_event_name: 'StopFailure', error, last_assistant_message };
    const facts = tell(failed);
    expect(facts).toMatchObject({
      activity: { value: 'error' },
      activityReason: { value: last_assistant_message || error },
    });
    expect(facts.fault?.value).toBe(fault);
    expect(tell(failed, real('UserPromptSubmit')).fault).toBeUndefined();
  });
  test('a session that started or was cleared is not exited, one that ended is', () => {
    const start = real('SessionStart', (payload) => payload['source'] === 'startup');
    expect(tell(start).activity).toBeUndefined();
    expect(tell(start).model?.value).toBe('claude-opus-4-8[1m]');
    expect(
      tell(
        real('Stop'),
        real('SessionEnd', (p) => p['reason'] === 'clear'),
      ).activity?.value,
    ).toBe('idle');
    expect(tell(real('SessionEnd', (p) => p['reason'] === 'prompt_input_exit')).activity?.value).toBe('exited');
    // Up again: what the last run ended with is over.
    expect(
      tell(
        real('SessionEnd', (p) => p['reason'] !== 'clear'),
        start,
      ).activity,
    ).toBeUndefined();
  });
  test('every captured payload is taken, under its own name or our kind alone', () => {
    for (const payload of REAL) {
      expect(() => tell(payload)).not.toThrow();
      const { hook_event_name: _, ...nameless } = payload;
      for (const kind of HOOK_KINDS) expect(() => readClaudeHooks([event(nameless, kind)])).not.toThrow();
    }
  });
});

test('tools pair by their ids, and by name from the last opened where there are none', () => {
  const hooks = new ClaudeHooks();
  const pre = (description: string, id?: string): HookEvent =>
    event({ tool_name: 'Agent', tool_input: { description }, ...(id ? { tool_use_id: id } : {}) }, 'pretool');
  const post = (id?: string): HookEvent =>
    event({ tool_name: 'Agent', ...(id ? { tool_use_id: id } : {}) }, 'posttool');
  const open = (): readonly string[] => hooks.facts().openAgentCalls?.value.map((call) => call.description) ?? [];
  for (const start of [pre('a', '1'), pre('b', '2'), pre('c'), pre('d')]) hooks.add(start);
  hooks.add(post('1'));
  expect(open()).toEqual(['b', 'c', 'd']);
  hooks.add(post());
  expect(open()).toEqual(['b', 'c']);
  hooks.add(post());
  hooks.add(post());
  expect(open()).toEqual(['b']);
  hooks.add(event({}, 'stop'));
  expect(open()).toEqual([]);
});

test('a subagent in the background does not make an idle agent busy', () => {
  const hooks = new ClaudeHooks();
  hooks.add(event({}, 'stop'));
  hooks.add(event({ tool_name: 'Read', agent_id: 'a1' }, 'pretool'));
  expect(hooks.facts()).toMatchObject({ activity: { value: 'idle' }, lastTool: { value: { name: 'Read' } } });
  hooks.add(event({ prompt: 'go' }, 'prompt'));
  expect(hooks.facts().activity?.value).toBe('working');
});

test('the list of background tasks at a stop is what is true', () => {
  const hooks = new ClaudeHooks();
  hooks.add(event({ tool_name: 'Bash', tool_input: { command: 'serve', run_in_background: true } }, 'pretool'));
  expect(hooks.facts().backgroundTasks?.value).toMatchObject([{ description: 'serve' }]);
  const background_tasks = [
    { id: 'b1', command: 'serve', status: 'running' },
    { id: 'b0', command: 'old', status: 'completed' },
  ];
  hooks.add(event({ background_tasks }, 'stop'));
  expect(hooks.facts().backgroundTasks?.value).toMatchObject([{ id: 'b1', description: 'serve' }]);
  hooks.add(event({ background_tasks: [] }, 'stop'));
  expect(hooks.facts().backgroundTasks).toBeUndefined();
});

test('secrets do not come through', () => {
  const facts = tell(
    { hook_event_name: 'PreToolUse', tool_name: 'Bash', tool_input: { command: 'API_TOKEN=hunter2 run' } },
    {
      hook_event_name: 'UserPromptSubmit',
      prompt: 'password: hunter2',
    },
  );
  expect(JSON.stringify(facts)).not.toContain('hunter2');
});

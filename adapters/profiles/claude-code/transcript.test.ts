import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ClaudeTranscript, readClaudeTranscript } from './transcript.ts';

const REAL = readFileSync(join(import.meta.dirname, '../testdata/claude-hooks/transcript.jsonl'), 'utf8').split('\n');

let clock = Date.parse('2026-11-21T10:00:00.000Z');
const time = (): string => {
  clock += 1000;
  return new Date(clock).toISOString();
};
const user = (content: unknown, more: object = {}): string =>
  JSON.stringify({ type: 'user', timestamp: time(), message: { role: 'user', content }, ...more });
const assistant = (id: string, content: unknown, usage: object = {}, more: object = {}): string =>
  JSON.stringify({
    type: 'assistant',
    timestamp: time(),
    message: { id, role: 'assistant', model: 'claude-opus-4-8', content, usage },
    ...more,
  });
const tool = (id: string, name: string, input: object = {}): object => ({ type: 'tool_use', id, name, input });
const result = (id: string, more: object = {}): string =>
  user([{ type: 'tool_result', tool_use_id: id, content: 'x', ...more }]);

test('a real transcript: model, tokens, cost, tools, prompts', () => {
  const facts = readClaudeTranscript(REAL);
  expect(facts.model).toMatchObject({ value: 'claude-opus-4-8', source: 'transcript' });
  expect(facts.cliVersion?.value).toBe('2.1.197');
  expect(facts.toolCounts?.value).toEqual({ Bash: 2, Agent: 1, TaskCreate: 1 });
  expect(facts.recentPrompts?.value.map(({ text }) => text)).toEqual([
    'SC=bashls list',
    'SC=agentquick check',
    'SC=todo tasks',
    'SC=s400credit hi',
    'SC=ctx hi',
  ]);
  expect(facts.currentTask?.value).toBe('SC=ctx hi');
  expect(facts.openAgentCalls?.value).toEqual([]);
  expect(facts.agentCalls?.value).toMatchObject([{ description: 'Quick check', type: 'general-purpose' }]);
  expect(facts.tokens?.value).toEqual({ input: 9 * 1200 + 186_000, output: 250, cacheRead: 81_000, cacheWrite: 0 });
  // What Claude Code itself counts by the same prices for one turn is 0.011125.
  expect(facts.costUsdEstimate?.value).toBeCloseTo(9 * 0.011125 + 186_000 * 5e-6 + 25 * 25e-6, 6);
  expect(facts.contextTokens).toBeUndefined();
});

test('before it was compacted the context was as full as the last answer says', () => {
  const upTo = REAL.findIndex((line) => line.includes('compact_boundary'));
  expect(readClaudeTranscript(REAL.slice(0, upTo)).contextTokens?.value).toBe(186_025);
});

test('a message of several lines is counted once, with its last usage', () => {
  const facts = readClaudeTranscript([
    assistant('m1', [{ type: 'text', text: 'a' }], { input_tokens: 100, output_tokens: 1 }),
    assistant('m1', [tool('t', 'Bash')], { input_tokens: 100, output_tokens: 50 }),
    assistant('m2', [], { input_tokens: 7 }),
  ]);
  expect(facts.tokens?.value).toMatchObject({ input: 107, output: 50 });
});

test('open tools and agents are open until their result, an interrupt or the next prompt', () => {
  const transcript = new ClaudeTranscript();
  transcript.add(user('go'));
  transcript.add(assistant('m1', [tool('a1', 'Agent', { description: 'first' })]));
  transcript.add(assistant('m2', [tool('a2', 'Agent', { description: 'second' })]));
  transcript.add(result('a1'));
  expect(transcript.facts().openAgentCalls?.value.map((call) => call.description)).toEqual(['second']);
  expect(transcript.facts().currentTool?.value).toBe('Agent');
  transcript.add(user([{ type: 'text', text: '[Request interrupted by user]' }]));
  expect(transcript.facts().openAgentCalls?.value).toEqual([]);
  expect(transcript.facts().currentTool).toBeUndefined();
  expect(transcript.facts().lastPrompt?.value).toBe('go');
});

test('what nobody said is no prompt', () => {
  const facts = readClaudeTranscript([
    user('real'),
    user('meta', { isMeta: true }),
    user('summary', { isCompactSummary: true }),
    user('to a subagent', { isSidechain: true }),
    user('<command-name>/clear</command-name>'),
    user('<local-command-stdout>x</local-command-stdout>'),
    user('<task-notification>done</task-notification>'),
  ]);
  expect(facts.recentPrompts?.value).toMatchObject([{ text: 'real' }]);
});

test('a subagent counts its tokens and not its context', () => {
  const facts = readClaudeTranscript([
    assistant('m1', [], { input_tokens: 10 }),
    assistant('m2', [], { input_tokens: 5000 }, { isSidechain: true }),
  ]);
  expect(facts.tokens?.value.input).toBe(5010);
  expect(facts.contextTokens?.value).toBe(10);
});

test('a failure of the service is told until an answer comes', () => {
  const transcript = new ClaudeTranscript();
  const failure = { type: 'assistant', error: 'rate_limit', message: { model: '<synthetic>', content: [] } };
  transcript.add(JSON.stringify({ ...failure, timestamp: time() }));
  expect(transcript.facts()).toMatchObject({ activityReason: { value: 'rate_limit' } });
  expect(transcript.facts().model).toBeUndefined();
  transcript.add(assistant('m1', []));
  expect(transcript.facts().activityReason).toBeUndefined();
});

test('a model without a known price has no price, not a price of zero', () => {
  const line = assistant('m1', [], { input_tokens: 10 }).replace('claude-opus-4-8', 'house-model-1');
  expect(readClaudeTranscript([line]).costUsdEstimate).toBeUndefined();
});

test('mcp tools, background shells, todo lists and secrets', () => {
  const facts = readClaudeTranscript([
    user('use TOKEN=abc123secret now'),
    assistant('m1', [
      tool('1', 'mcp__mail__send', { text: 'hi' }),
      tool('2', 'Bash', { command: 'PASSWORD=hunter2 make serve', run_in_background: true }),
      tool('3', 'TodoWrite', { todos: [{ content: 'a', status: 'in_progress', activeForm: 'Doing a' }] }),
    ]),
  ]);
  expect(facts.lastMcpTool?.value.name).toBe('mcp__mail__send');
  expect(facts.backgroundTasks?.value).toMatchObject([{ description: 'PASSWORD=[redacted] make serve' }]);
  expect(facts.currentTask?.value).toBe('Doing a');
  expect(JSON.stringify(facts)).not.toMatch(/hunter2|abc123secret/);
});

test('nothing, garbage and half lines tell nothing and break nothing', () => {
  expect(readClaudeTranscript([])).toEqual({});
  expect(readClaudeTranscript(['', 'x', '{', '[]', '{"type":"user"}', 'null', '{"timestamp":"never"}'])).toEqual({});
  expect(() => readClaudeTranscript(REAL.map((line) => line.slice(0, line.length / 2)))).not.toThrow();
  const odd = [
    '{"type":"assistant","timestamp":"2026-01-01T00:00:00Z","message":{"content":[null,3,{"type":"tool_use"}],"usage":7}}',
  ];
  expect(() => readClaudeTranscript(odd)).not.toThrow();
});

test('a failure whose kind says nothing is told in the words that the CLI shows, and whose fault it is', () => {
  const transcript = new ClaudeTranscript();
  const content = [{ type: 'text', text: 'API Error: 529 Overloaded. This is a server-side issue.' }];
  const failure = { type: 'assistant', error: 'server_error', message: { model: '<synthetic>', content } };
  transcript.add(JSON.stringify({ ...failure, timestamp: time() }));
  expect(transcript.facts()).toMatchObject({
    activityReason: { value: 'API Error: 529 Overloaded. This is a server-side issue.' },
    fault: { value: 'overloaded' },
  });
  transcript.add(assistant('m1', []));
  expect(transcript.facts().fault).toBeUndefined();
});

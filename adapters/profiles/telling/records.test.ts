/** Records of real conversations with the model server: 1200 tokens in, 25 out and 9000 from the cache an answer. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceId } from '../../../api/resources/names.ts';
import { PROFILES } from '../profiles.ts';
import { FactKeeper } from './fact-keeper.ts';
import { newestRecord, type RecordStore } from './newest-record.ts';

const FILES = {
  codex: 'codex-0.169.0/rollout.jsonl',
  gemini: 'gemini-0.61.0/session.jsonl',
  pi: 'pi-0.73.1/session.jsonl',
} as const;
type Cli = keyof typeof FILES;
const CLIS = Object.keys(FILES) as readonly Cli[];

const linesOf = (cli: Cli) =>
  readFileSync(join(import.meta.dirname, '..', 'testdata', FILES[cli]), 'utf8')
    .trimEnd()
    .split('\n');
const told = (cli: Cli, lines: readonly string[]) => {
  const reader = PROFILES[cli].telling?.transcript?.();
  for (const line of lines) reader?.add(line);
  return reader?.facts() ?? {};
};
const values = (cli: Cli, lines = linesOf(cli)) =>
  Object.fromEntries(Object.entries(told(cli, lines)).map(([name, fact]) => [name, fact?.value]));

describe('what a record tells', () => {
  it('codex: four answers, one command', () => {
    expect(values('codex')).toMatchObject({
      cliVersion: '0.169.0',
      model: 'gpt-test',
      contextWindow: 258_400,
      contextTokens: 10_225,
      tokens: { input: 4 * 1200, output: 4 * 25, cacheRead: 4 * 9000, cacheWrite: 0 },
      recentTools: [{ name: 'exec_command', preview: 'pwd', endedAt: expect.any(Number) }],
      lastMessage: 'Hello from the model server.',
    });
    expect(told('codex', linesOf('codex')).recentPrompts?.value.map(({ text }) => text)[0]).toBe('hello there');
  });

  it('codex: limits of the account, and a count that is written again is not counted again', () => {
    const count = linesOf('codex').filter((line) => line.includes('"token_count"'));
    const limits = '"primary":{"used_percent":42.5,"window_minutes":300,"resets_at":1795262600}';
    const again = count.at(-1)?.replace('"primary":null', limits) ?? '';
    const facts = values('codex', [...count, again]);
    expect(facts['tokens']).toMatchObject({ output: 4 * 25 });
    expect(facts['quota']).toEqual({ '5h': { usedRatio: 0.425, resetsAt: 1_795_262_600_000 } });
  });

  it('gemini: three answers; one is written again with the tool that came back', () => {
    expect(values('gemini')).toMatchObject({
      model: 'gemini-3.1-pro-preview',
      contextTokens: 10_225,
      tokens: { input: 3 * 1200, output: 3 * 25, cacheRead: 3 * 9000, cacheWrite: 0 },
      toolCounts: { run_shell_command: 1 },
      recentTools: [{ name: 'run_shell_command', preview: 'pwd', endedAt: expect.any(Number) }],
      lastMessage: 'done with it',
    });
  });

  it('pi: a tool that failed; what was compacted is in no context', () => {
    const facts = values('pi');
    expect(facts).toMatchObject({
      model: 'model',
      recentTools: [{ name: 'Bash', preview: 'touch_made', failed: true }],
      lastPrompt: '#context=0.95',
    });
    expect(facts['contextTokens']).toBeUndefined();
    const refused = linesOf('pi').findIndex((line) => line.includes('401 Invalid'));
    expect(values('pi', linesOf('pi').slice(0, refused + 1))['activityReason']).toContain('401');
  });

  it.each(CLIS)('%s: nothing makes the reader throw, and a line cut short is passed over', (cli) => {
    fc.assert(
      fc.property(fc.constantFrom(...linesOf(cli)), fc.nat(400), fc.json(), (line, cut, json) => {
        told(cli, [
          line.slice(0, cut),
          json,
          `{"timestamp":"2026-01-01T00:00:00Z","type":"message","message":${json}}`,
        ]);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the record of an agent', () => {
  const STORE: RecordStore = { folder: 'store', files: '[.]jsonl$', holds: '"cwd":"{pwd}"' };
  let home: string;
  beforeEach(() => {
    home = realpathSync(mkdtempSync(join(tmpdir(), 'sac-records-')));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));
  const record = (name: string, text: string, seconds: number) => {
    const path = join(home, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    utimesSync(path, seconds, seconds);
    return path;
  };

  it('is the newest of its working directory, written since it was started', async () => {
    record('store/a/old.jsonl', '{"cwd":"/w/one"}', 100);
    const mine = record('store/b/mine.jsonl', '{"cwd":"/w/one"}', 200);
    record('store/b/neighbour.jsonl', '{"cwd":"/w/one-more"}', 300);
    record('store/b/notes.txt', '{"cwd":"/w/one"}', 400);
    expect(await newestRecord(STORE, home, '/w/one', 150_000)).toBe(mine);
    expect(await newestRecord(STORE, home, '/w/one', 250_000)).toBeUndefined();
    expect(await newestRecord(STORE, join(home, 'nowhere'), '/w/one', 0)).toBeUndefined();
  });

  it('is found, and read on, although no hook tells of it', async () => {
    mkdirSync(join(home, 'hooks'));
    using keeper = new FactKeeper({ dir: join(home, 'hooks'), onHint: () => undefined });
    const { telling } = PROFILES.codex;
    const teller = { telling: telling ?? {}, incarnation: 0, home, cwd: '/home/dev/demo-project' };
    const hear = (look: object) => keeper.hear('f1ee7000.a' as InstanceId, teller, { busy: false, look });
    expect((await hear({})).transcript).toEqual({});
    const lines = linesOf('codex');
    const path = record('.codex/sessions/2026/11/21/rollout-1.jsonl', `${lines.slice(0, 12).join('\n')}\n`, 100);
    const look = {};
    expect((await hear(look)).transcript.model?.value).toBe('gpt-test');
    writeFileSync(path, `${lines.join('\n')}\n`);
    // Written a moment after the last drawing.
    expect((await hear(look)).transcript.tokens?.value.output).toBe(100);
  });
});

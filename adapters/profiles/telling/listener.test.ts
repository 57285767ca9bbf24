import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { spoolLine } from '../../../api/resources/agent/hook-event.ts';
import { CLAUDE_TELLING } from '../claude-code/telling.ts';
import { Listener } from './listener.ts';

let dir: string;
let spool: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-listen-'));
  spool = join(dir, 'web.spool');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const listener = (since = 0): Listener => new Listener({ telling: CLAUDE_TELLING, spool, home: join(dir), since });
const START = 1_800_000_000_000;
const prompt = (at: number, text: string, more: object = {}): void =>
  appendFileSync(spool, spoolLine('prompt', START + at, JSON.stringify({ prompt: text, ...more })));
const model = (name: string): string =>
  `${JSON.stringify({ type: 'assistant', timestamp: '2026-01-01T00:00:00Z', message: { id: name, model: name } })}\n`;

test('a controller that was away reads what was spooled, also what stepped aside', async () => {
  prompt(0, 'first');
  renameSync(spool, `${spool}.1`);
  prompt(1, 'second');
  const heard = await listener().listen();
  expect(heard.hooks.recentPrompts?.value.map(({ text }) => text)).toEqual(['first', 'second']);
});

test('what comes later is heard later, also after the spool stepped aside', async () => {
  const one = listener();
  expect((await one.listen()).hooks).toEqual({});
  prompt(0, 'a');
  expect((await one.listen()).hooks.lastPrompt?.value).toBe('a');
  renameSync(spool, `${spool}.1`);
  // Written after the last look and before it stepped aside.
  appendFileSync(`${spool}.1`, spoolLine('prompt', START + 1, '{"prompt":"b"}'));
  prompt(2, 'c');
  expect((await one.listen()).hooks.recentPrompts?.value.map(({ text }) => text)).toEqual(['a', 'b', 'c']);
  expect(one.events).toHaveLength(3);
});

test('an earlier run says nothing of this one; torn lines say nothing at all', async () => {
  prompt(0, 'old');
  appendFileSync(spool, 'pret\n\n{"x":1}\n');
  prompt(10, 'new');
  const heard = await listener(START + 5).listen();
  expect(heard.hooks.recentPrompts?.value).toMatchObject([{ text: 'new' }]);
});

test('the transcript that the hooks name is read, and another one when they name another', async () => {
  const path = (name: string): string => join(dir, `${name}.jsonl`);
  for (const name of ['m1', 'm2']) writeFileSync(path(name), model(name));
  const one = listener();
  expect((await one.listen(path('m1'))).transcript.model?.value).toBe('m1');
  prompt(0, 'x', { transcript_path: path('m2') });
  expect((await one.listen(path('m1'))).transcript.model?.value).toBe('m2');
  appendFileSync(path('m2'), model('m3'));
  expect((await one.listen()).transcript.model?.value).toBe('m3');
});

test('no file beside the agent’s home is read, whatever the spool says', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'sac-outside-'));
  try {
    const path = join(outside, 'x.jsonl');
    writeFileSync(path, model('leaked'));
    for (const [at, named] of [
      path,
      join(dir, '..', outside.split('/').at(-1) ?? '', 'x.jsonl'),
      '/etc/passwd',
    ].entries()) {
      prompt(at, 'x', { transcript_path: named });
      expect((await listener().listen()).transcript).toEqual({});
    }
  } finally {
    rmSync(outside, { recursive: true, force: true });
  }
});

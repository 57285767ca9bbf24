/** What `sac --help` and every verb's `--help` say, word for word. */
import { describe, expect, it } from 'vitest';
import { runProgram } from '../../cli/program.ts';
import type { Verb } from '../../cli/verb.ts';
import { VERBS } from '../../cli/verbs/index.ts';
import { golden } from './golden.ts';

const COLUMNS = 100;

/** `controller run` for each verb there is, hidden ones too. */
const pathsOf = (verbs: readonly Verb[], before: readonly string[] = []): readonly (readonly string[])[] =>
  verbs.flatMap((verb) => [[...before, verb.name], ...pathsOf(verb.subverbs ?? [], [...before, verb.name])]);

async function help(path: readonly string[]): Promise<string> {
  let out = '';
  const code = await runProgram([...path, '--help'], {
    verbs: VERBS,
    contextFor: () => {
      throw new Error('help needs no context');
    },
    out: (text) => {
      out += text;
    },
    err: (text) => {
      out += text;
    },
    columns: COLUMNS,
  });
  expect(code).toBe(0);
  return `===== sac ${[...path, '--help'].join(' ')}\n${out}`;
}

describe('help', () => {
  it('of every verb is as it was', async () => {
    const texts: string[] = [];
    for (const path of [[], ...pathsOf(VERBS)]) texts.push(await help(path));
    await golden('help.txt', texts.join('\n'));
  });

  it('has a summary, an example that begins as it is typed, and a description of every option', () => {
    const lacking = VERBS.flatMap(function lacks(verb): string[] {
      const examples = verb.examples.filter((example) => /\bsac\b/.test(example));
      return [
        ...(/^[A-Z]/.test(verb.summary) ? [] : [`${verb.name}: summary`]),
        ...(examples.length === verb.examples.length && examples.length > 0 ? [] : [`${verb.name}: examples`]),
        ...(verb.options ?? []).flatMap(({ flags, description }) =>
          description === '' ? [`${verb.name} ${flags}: description`] : [],
        ),
        ...(verb.subverbs ?? []).flatMap(lacks),
      ];
    });
    expect(lacking).toEqual([]);
  });
});

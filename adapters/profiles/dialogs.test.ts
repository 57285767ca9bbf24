import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { judge, loadLabelled } from './accuracy.ts';
import { DIALOG_RULES, ruleFor } from './dialogs.ts';

const LABELLED = loadLabelled(fileURLToPath(new URL('./testdata', import.meta.url)));

describe('rules for dialogs', () => {
  test('every start-up dialog on a labelled screen has a rule under the name its reader gives', () => {
    const missing = judge(LABELLED)
      .map(({ got }, i) => ({ got, profile: LABELLED[i]?.profile ?? 'exec' }))
      .filter(({ got, profile }) => got.startsWith('dialog:') && ruleFor(profile, got.slice(7)) === undefined)
      .map(({ got, profile }) => `${profile} ${got}`);
    expect(missing).toEqual([]);
  });

  test('one key at most, and none where nobody may answer', () => {
    for (const { answer, keys } of DIALOG_RULES) expect(keys.length).toBe(answer === 'never' ? 0 : 1);
  });

  test('no name twice in a profile; an unknown dialog has no rule', () => {
    const names = DIALOG_RULES.map(({ profile, name }) => `${profile}/${name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(ruleFor('claude-code', 'unknown')).toBeUndefined();
  });

  test('what gives away control is marked as dangerous; Enter never answers where it would exit', () => {
    for (const name of ['bypass', 'legacy-yn', 'dev-channels']) expect(ruleFor('claude-code', name)?.danger).toBe(true);
    expect(ruleFor('claude-code', 'bypass')?.keys).toEqual(['2']);
    expect(ruleFor('claude-code', 'apikey')?.keys).toEqual(['1']);
    expect(ruleFor('claude-code', 'login-method')?.answer).toBe('never');
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type SettingsChange, withOurHooks } from './hook-settings.ts';

const VERSION = '2.1.197';
const contentOf = (change: SettingsChange): string => {
  if (change.state === 'refused') throw new Error(change.reason);
  return change.content;
};
const settingsOf = (change: SettingsChange): ReturnType<typeof JSON.parse> => JSON.parse(contentOf(change));
const theirs = { matcher: 'Bash', hooks: [{ type: 'command', command: 'echo mine' }] };
const USER = JSON.stringify({
  permissions: { allow: ['Bash(ls:*)'] },
  hooks: { PreToolUse: [theirs], Custom: [] },
  z: 1,
});

test('a missing file gets every event, each calling our program once', () => {
  const { hooks } = settingsOf(withOurHooks(undefined, VERSION));
  expect(Object.keys(hooks)).toEqual(expect.arrayContaining(['PreToolUse', 'Stop', 'SessionEnd', 'PermissionRequest']));
  for (const groups of Object.values(hooks))
    expect(groups).toMatchObject([{ hooks: [{ command: expect.stringMatching(/hook-event/) }] }]);
  expect(hooks.PreToolUse[0].hooks[0].command).toMatch(/hook-event pretool/);
});

test('what the user has stays, in its order, ours comes after', () => {
  const after = settingsOf(withOurHooks(USER, VERSION));
  expect(after).toMatchObject({ permissions: { allow: ['Bash(ls:*)'] }, z: 1 });
  expect(after.hooks.PreToolUse).toHaveLength(2);
  expect(after.hooks.PreToolUse[0]).toEqual(theirs);
  expect(Object.keys(after)).toEqual(['permissions', 'hooks', 'z']);
});

test('a second time changes not a byte, also of a file with its own form', () => {
  const once = contentOf(withOurHooks(USER, VERSION));
  const formed = JSON.stringify(JSON.parse(once), undefined, '\t');
  for (const text of [once, formed]) expect(withOurHooks(text, VERSION)).toEqual({ state: 'unchanged', content: text });
});

test('older or hand-written ones of ours are replaced where they stand, and never doubled', () => {
  const group = (command: string): object => ({ hooks: [{ type: 'command', command }, ...theirs.hooks] });
  const before = {
    hooks: {
      Stop: [group('sac hook-event stop'), theirs],
      Gone: [{ hooks: [{ command: 'sh $SAC_HOOK hook-event x' }] }],
    },
  };
  const { hooks } = settingsOf(withOurHooks(JSON.stringify(before), VERSION));
  expect(JSON.stringify(hooks.Stop).match(/hook-event/g)).toHaveLength(1);
  expect(hooks.Stop).toMatchObject([{ hooks: theirs.hooks }, { hooks: [{ timeout: 5 }] }, theirs]);
  expect(hooks).not.toHaveProperty('Gone');
});

test('putting in and taking out leaves what was', () => {
  for (const before of [USER, '{}', '{"hooks":{}}', '{"hooks":{"Stop":[]}}']) {
    const out = settingsOf(withOurHooks(contentOf(withOurHooks(before, VERSION)), 'none'));
    const { hooks: left = {}, ...rest } = out;
    const { hooks: had = {}, ...others } = JSON.parse(before);
    expect(rest).toEqual(others);
    expect(Object.values(left).flat()).toEqual(Object.values(had).flat());
  }
});

test.each([undefined, '2.0.55', '1.0.128', 'nonsense', '2.1'])(
  'version %s is not given events it may not know',
  (version) => {
    expect(Object.keys(settingsOf(withOurHooks(undefined, version)).hooks)).toHaveLength(9);
  },
);

test.each(['{', '[]', '"x"', '{"hooks":[]}', '{"hooks":{"Stop":{}}}'])('%s is left alone, with a reason', (before) => {
  expect(withOurHooks(before, VERSION)).toMatchObject({
    state: 'refused',
    reason: expect.stringMatching(/settings\.local\.json/),
  });
});

test('hooks that are switched off are told', () => {
  expect(withOurHooks('{"disableAllHooks":true}', VERSION)).toMatchObject({
    state: 'changed',
    inert: 'disableAllHooks is set',
  });
});

test('whatever a user has written, it survives', () => {
  const hook = fc.record({ type: fc.constant('command'), command: fc.string() });
  const groups = fc.array(fc.record({ matcher: fc.string(), hooks: fc.array(hook, { minLength: 1 }) }), {
    maxLength: 3,
  });
  const hooks = fc.dictionary(fc.constantFrom('PreToolUse', 'Stop', 'Mine'), groups);
  fc.assert(
    fc.property(hooks, fc.dictionary(fc.string(), fc.jsonValue()), (given, rest) => {
      const { hooks: _, ...others } = rest;
      const before = JSON.stringify({ ...others, hooks: given });
      const after = settingsOf(withOurHooks(before, VERSION));
      const { hooks: merged, ...left } = after;
      expect(left).toEqual(JSON.parse(JSON.stringify(others)));
      for (const [event, list] of Object.entries(given))
        expect(JSON.stringify(merged[event] ?? [])).toContain(JSON.stringify(list).slice(1, -1));
    }),
    { numRuns: 50 },
  );
});

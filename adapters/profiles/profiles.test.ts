/** What every profile has to keep to; each rule stands for a way in which agents were lost. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { agentSpecSchema } from '../../api/resources/agent/agent.ts';
import { loadLabelled } from './accuracy.ts';
import { PROFILES } from './profiles.ts';

const all = Object.values(PROFILES).flatMap(({ name, dialogs }) =>
  dialogs.map((dialog) => ({ profile: name, dialog })),
);
const LABELLED = loadLabelled(fileURLToPath(new URL('./testdata', import.meta.url)));

const named = all.map((one) => [`${one.profile}: ${one.dialog.name}`, one] as const);

describe.each(named)('%s', (_title, { profile, dialog }) => {
  it('is not accepted with Escape, which cancels and may end the CLI; but what offers nothing may be left with it', () => {
    if (dialog.name !== 'terminal-setup') expect(dialog.accept).not.toContain('Escape');
  });

  it('asks for one key, or for keys each of which is looked after', () => {
    expect(dialog.accept.length).toBeGreaterThan(0);
    // A digit alone accepts in Claude Code; an Enter behind it would land in the next dialog.
    if (profile === 'claude-code') expect(dialog.accept).toHaveLength(1);
  });

  it('is declined by other keys than it is accepted by', () => {
    expect(dialog.decline).not.toEqual(dialog.accept);
  });
});

describe('options by their labels', () => {
  const shown = LABELLED.flatMap(({ file, profile, screen }) => {
    const { activity, dialog } = PROFILES[profile].read(screen);
    const rule =
      activity === 'dialog' ? PROFILES[profile].dialogs.find(({ name }) => name === dialog?.name) : undefined;
    return rule?.option && dialog ? [{ file, rule, option: rule.option, dialog }] : [];
  });

  it('are there on every screen of their dialogs, one to accept and one to decline', () => {
    expect(shown.length).toBeGreaterThan(20);
    for (const { file, option, dialog } of shown) {
      const accepts = dialog.options.filter(({ label }) => option.accept.test(label.toLowerCase()));
      // Older check boxes have no button; Enter confirms them wherever the selector stands.
      if (dialog.selector !== 'checkbox' || accepts.length > 0) expect(accepts, file).toHaveLength(1);
      const declines = dialog.options.filter(({ label }) => option.decline?.test(label.toLowerCase()));
      expect(declines, file).toHaveLength(option.decline ? 1 : 0);
      if (accepts.length > 0) expect(accepts, file).not.toEqual(declines);
    }
  });
});

describe.each(Object.values(PROFILES))('$name', (profile) => {
  it('has one rule a dialog, and asks by default for none of the dangerous ones', () => {
    const names = profile.dialogs.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const plain = agentSpecSchema.parse(profile.name === 'exec' ? { command: ['true'] } : { profile: profile.name });
    expect(profile.asksFor(plain)).toEqual([]);
  });

  it('passes a model and words of the manifest on as they are, each as one word', () => {
    const word = 'a b; $(c) "d"\n--e';
    const spec = agentSpecSchema.parse({ profile: profile.name, command: ['program', word] });
    expect(profile.launch(spec).argv).toEqual(['program', word]);
  });

  it('says how it goes on with a conversation, by the newest and by id, or not at all', () => {
    if (!profile.session) return;
    expect(profile.session.continueArgs.length).toBeGreaterThan(0);
    expect(profile.session.resumeArgs('some id').at(-1)).toBe('some id');
    expect(profile.session.folder).toMatch(/^\.[^/]/);
  });
});

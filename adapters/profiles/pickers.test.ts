import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readClaudeCode } from './claude-code/read.ts';
import { readCodex } from './codex/read.ts';
import { readGemini } from './gemini/read.ts';

const saved = (file: string): { readonly text: string } => ({
  text: readFileSync(new URL(`./testdata/${file}`, import.meta.url), 'utf8'),
});

test('lists that a person opens are dialogs, also where their rows are wrapped', () => {
  expect(readCodex(saved('codex-0.169.0/model-picker-60x40.txt')).dialog).toMatchObject({ name: 'model-picker' });
  expect(readClaudeCode(saved('claude-2.1.197/dialog-model-60x40.txt')).dialog).toMatchObject({ name: 'model-picker' });
  expect(readGemini(saved('gemini-0.61.0/dialog-theme-180x50.txt')).dialog).toMatchObject({ name: 'theme' });
});

test('a list that only mentions what a known dialog is about has no name, so no key is pressed', () => {
  const settings = readClaudeCode(saved('claude-2.1.197/dialog-settings-panel-60x40.txt'));
  expect([settings.activity, settings.dialog?.name]).toEqual(['dialog', 'unknown']);
  const rule = '─'.repeat(80);
  const radio = readClaudeCode({
    text: `${rule}\n  Trust this folder, its effort and development channels?\n\n  ❯ 1. Later\n    2. Never\n\n  Enter to confirm · Esc to cancel\n`,
  });
  expect([radio.activity, radio.dialog?.name]).toEqual(['dialog', 'unknown']);
});

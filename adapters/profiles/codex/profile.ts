/**
 * Owns: what Codex is like: its launch, its dialogs, where it keeps conversations.
 * Never: runs it.
 */
import { launchCli } from '../launch.ts';
import type { Profile } from '../profile.ts';
import { readCodex } from './read.ts';
import { CodexTranscript } from './transcript.ts';

export const codex: Profile = {
  name: 'codex',
  readsActivity: true,
  launch: launchCli('codex', '--model'),
  read: readCodex,
  asksFor: () => [],
  // Its trust dialog takes Enter; a digit alone only moves the selector.
  dialogs: [
    {
      name: 'trust',
      accept: ['Enter'],
      decline: ['2', 'Enter'],
      option: { accept: /^(?:trust|yes|allow)\b/, decline: /^(?:no|back|don)\b/ },
    },
    { name: 'press-enter', accept: ['Enter'] },
  ],
  telling: {
    transcript: () => new CodexTranscript(),
    records: { folder: '.codex/sessions', files: 'rollout-.*[.]jsonl$', holds: '"cwd":"{pwd}"' },
  },
  session: {
    folder: '.codex/sessions',
    files: '*.jsonl',
    holds: '"cwd":"{pwd}"',
    continueArgs: ['resume', '--last'],
    resumeArgs: (id) => ['resume', id],
  },
};

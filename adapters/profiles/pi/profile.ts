/**
 * Owns: what Pi is like: its launch, its dialogs, where it keeps conversations.
 * Never: runs it.
 */
import { launchCli } from '../launch.ts';
import type { Profile } from '../profile.ts';
import { readPi } from './read.ts';
import { PiTranscript } from './transcript.ts';

export const pi: Profile = {
  name: 'pi',
  readsActivity: true,
  launch: launchCli('pi', '--model'),
  read: readPi,
  asksFor: () => [],
  dialogs: [{ name: 'trust', accept: ['Enter'] }],
  telling: {
    transcript: () => new PiTranscript(),
    records: { folder: '.pi/agent/sessions', files: '[.]jsonl$', holds: '"cwd":"{pwd}"' },
  },
  session: {
    folder: '.pi/agent/sessions',
    files: '*.jsonl',
    holds: '"cwd":"{pwd}"',
    continueArgs: ['--continue'],
    resumeArgs: (id) => ['--session', id],
  },
};

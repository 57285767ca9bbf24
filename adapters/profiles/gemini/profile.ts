/**
 * Owns: what Gemini CLI is like: its launch, its dialogs, where it keeps conversations.
 * Never: runs it.
 */
import { launchCli } from '../launch.ts';
import type { Profile } from '../profile.ts';
import { readGemini } from './read.ts';
import { GeminiTranscript } from './transcript.ts';

export const gemini: Profile = {
  name: 'gemini',
  readsActivity: true,
  launch: launchCli('gemini', '--model'),
  read: readGemini,
  asksFor: () => [],
  // The digit alone accepts; it then starts itself anew.
  dialogs: [
    {
      name: 'trust',
      accept: ['1'],
      decline: ['3'],
      option: { accept: /^trust folder\b/, decline: /^don.t trust/ },
    },
    { name: 'theme', accept: ['Enter'] },
    { name: 'press-enter', accept: ['Enter'] },
  ],
  telling: {
    transcript: () => new GeminiTranscript(),
    records: { folder: '.gemini/tmp', files: 'chats/session-.*[.]jsonl$', holds: ' - {pwd}\\n' },
  },
  // Its records name the working directory in the context they begin with. Asked to go on without one, it begins anew.
  session: {
    folder: '.gemini/tmp',
    files: 'session-*.jsonl',
    holds: ' - {pwd}\\n',
    continueArgs: ['--resume', 'latest'],
    resumeArgs: (id) => ['--resume', id],
  },
};

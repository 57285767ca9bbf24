/**
 * Owns: what OpenCode is like: its launch, its dialogs, where it keeps conversations.
 * Never: runs it.
 */
import { launchCli } from '../launch.ts';
import type { Profile } from '../profile.ts';
import { readOpencode } from './read.ts';
import { OPENCODE_DATABASE, OpencodeTranscript } from './transcript.ts';

export const opencode: Profile = {
  name: 'opencode',
  readsActivity: true,
  launch: launchCli('opencode', '--model'),
  read: readOpencode,
  asksFor: () => [],
  dialogs: [{ name: 'press-enter', accept: ['Enter'] }],
  telling: { transcript: () => new OpencodeTranscript(), database: OPENCODE_DATABASE },
  // Its conversations lie in a database, in whose rows (or their journal) each answer names the working directory; opening it
  // there does not. Asked to go on without one, it begins anew.
  session: {
    folder: '.local/share/opencode',
    files: 'opencode.db*',
    holds: '"cwd":"{pwd}"',
    continueArgs: ['--continue'],
    resumeArgs: (id) => ['--session', id],
  },
};

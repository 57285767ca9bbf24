/**
 * Owns: what OpenCode is like: its launch, its dialogs, where it keeps conversations.
 * Never: runs it.
 */
import { launchCli } from '../launch.ts';
import type { Profile } from '../profile.ts';
import { readOpencode } from './read.ts';

export const opencode: Profile = {
  name: 'opencode',
  readsActivity: true,
  launch: launchCli('opencode', '--model'),
  read: readOpencode,
  asksFor: () => [],
  dialogs: [{ name: 'press-enter', accept: ['Enter'] }],
  // Its conversations lie in a database, whose rows (or their journal) name the working directory. Asked to go on without one,
  // it begins anew.
  session: {
    folder: '.local/share/opencode',
    files: 'opencode.db*',
    holds: '{pwd}',
    continueArgs: ['--continue'],
    resumeArgs: (id) => ['--session', id],
  },
};

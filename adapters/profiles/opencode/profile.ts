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
};

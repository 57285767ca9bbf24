/**
 * Owns: what Aider is like: its launch, its dialogs, where it keeps conversations.
 * Never: runs it.
 */
import { launchCli } from '../launch.ts';
import type { Profile } from '../profile.ts';
import { readAider } from './read.ts';

export const aider: Profile = {
  name: 'aider',
  readsActivity: true,
  launch: launchCli('aider', '--model'),
  read: readAider,
  asksFor: () => [],
  dialogs: [{ name: 'press-enter', accept: ['Enter'] }],
};

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
  // It reports nothing and opens no browser unless a person says so.
  dialogs: [
    { name: 'gitignore', accept: ['y'], decline: ['n'] },
    { name: 'analytics', accept: ['n'] },
    { name: 'open-docs', accept: ['n'] },
    { name: 'press-enter', accept: ['Enter'] },
  ],
};

/**
 * Owns: what Cursor Agent is like: its launch, its dialogs, where it keeps conversations.
 * Never: runs it.
 */
import { launchCli } from '../launch.ts';
import type { Profile } from '../profile.ts';
import { readCursor } from './read.ts';

export const cursor: Profile = {
  name: 'cursor',
  readsActivity: true,
  launch: launchCli('cursor-agent', '--model'),
  read: readCursor,
  asksFor: () => [],
  dialogs: [{ name: 'trust', accept: ['a'] }],
};

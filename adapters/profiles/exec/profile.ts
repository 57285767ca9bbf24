/**
 * Owns: the profile of any command: it has no screen to read and no dialogs.
 * Never: guesses what a command does.
 */
import type { Profile } from '../profile.ts';

export const exec: Profile = {
  name: 'exec',
  readsActivity: false,
  launch: (spec) => ({ argv: spec.command ?? [], env: {} }),
  asksFor: () => [],
  dialogs: [],
  read: () => ({ activity: 'none', reason: 'a plain command has no activity' }),
};

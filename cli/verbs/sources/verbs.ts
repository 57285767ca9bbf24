/**
 * Owns: what the verbs about git sources are called and take.
 * Never: imports an implementation.
 */
import type { Verb } from '../../verb.ts';
import { TIMEOUT, WAIT } from '../options.ts';

export const SOURCE_VERBS: readonly Verb[] = [
  {
    name: 'sync',
    summary: 'Fetch and apply git sources now',
    args: '<source...>',
    options: [
      { ...WAIT, description: 'also wait until all their agents are ready' },
      TIMEOUT,
      {
        flags: '--force',
        description: 'take a rewritten history, prune beyond maxPrunePercent, adopt agents applied by hand',
      },
    ],
    examples: ['sac sync fleet', 'sac sync fleet --wait --timeout 5m', 'sac sync fleet --force'],
    load: async () => ({ run: (await import('./sync.ts')).sync }),
  },
  {
    name: 'rollback',
    summary: 'Take a git source to an earlier commit and hold it there until the next sync',
    args: '<source>',
    options: [{ flags: '--to <revision>', description: 'commit to go to' }, WAIT, TIMEOUT],
    examples: ['sac rollback source/fleet --to 4f2a9c1'],
    load: async () => ({ run: (await import('./sync.ts')).rollback }),
  },
  {
    name: 'suspend',
    summary: 'Let git sources or budgets rest: nothing is fetched or applied, what was applied stays; nobody is held',
    args: '<source|budget...>',
    examples: ['sac suspend fleet', 'sac suspend budget/team'],
    load: async () => ({ run: (await import('./suspend.ts')).suspend }),
  },
  {
    name: 'resume',
    summary: 'Let suspended git sources go on; or agents that a budget holds, until its next window',
    args: '<source|budget|agent...>',
    examples: ['sac resume fleet', 'sac resume budget/team', 'sac resume agent/web'],
    load: async () => ({ run: (await import('./suspend.ts')).resume }),
  },
];

/**
 * Owns: what the verbs about whole fleets are called and take.
 * Never: imports an implementation.
 */
import type { Verb } from '../../verb.ts';
import { ALL, OUTPUT, SELECTOR, TIMEOUT } from '../options.ts';

const WHICH = [ALL, SELECTOR] as const;

export const FLEET_VERBS: readonly Verb[] = [
  {
    name: 'tree',
    summary: 'Show where agents come from and where they live: source, agent, instance, place',
    args: '[names-or-sources...]',
    options: [SELECTOR, { ...OUTPUT, description: 'json, yaml' }],
    examples: ['sac tree', 'sac tree web', 'sac tree source/fleet -o json'],
    load: async () => ({ run: (await import('./tree.ts')).run }),
  },
  {
    name: 'top',
    summary: 'Show what agents use now: activity, CPU and memory of all their processes, context, tokens',
    args: '[what-and-names...]',
    options: [
      SELECTOR,
      { flags: '--once', description: 'print once and end, as when the output is no terminal' },
      { flags: '--sort-by <figure>', description: 'cpu (default), memory, tokens, name' },
      { flags: '--interval <duration>', description: 'time between two looks (2s)' },
      { ...OUTPUT, description: 'json, yaml' },
    ],
    examples: ['sac top', 'sac top agents --sort-by memory --once', 'sac top hosts', 'sac top web -o json'],
    load: async () => ({ run: (await import('./top.ts')).run }),
  },
  {
    name: 'rollout',
    summary: 'Changes on their way from instance to instance',
    examples: ['sac rollout status web', 'sac rollout undo web'],
    subverbs: [
      {
        name: 'status',
        summary: 'Wait until a change has reached all instances, or was halted',
        args: '[names...]',
        options: [...WHICH, TIMEOUT, { flags: '--no-watch', description: 'say how it is now and do not wait' }],
        examples: ['sac rollout status web', 'sac rollout status --all --no-watch'],
        load: async () => ({ run: (await import('./rollout-status.ts')).run }),
      },
      {
        name: 'history',
        summary: 'Show which revisions an agent had, when and by whom',
        args: '<name>',
        options: [
          { flags: '--revision <number>', description: 'show what this revision says' },
          { ...OUTPUT, description: 'json, yaml' },
        ],
        examples: ['sac rollout history web', 'sac rollout history web --revision 3'],
        load: async () => ({ run: (await import('./rollout-history.ts')).run }),
      },
      {
        name: 'undo',
        summary: 'Bring back the last good revision, or an earlier one',
        args: '[names...]',
        options: [...WHICH, { flags: '--to-revision <number>', description: 'bring back this one' }],
        examples: ['sac rollout undo web', 'sac rollout undo web --to-revision 3'],
        load: async () => ({ run: (await import('./rollout.ts')).undo }),
      },
      {
        name: 'pause',
        summary: 'Give no further instance a changed manifest until resumed',
        args: '[names...]',
        options: WHICH,
        examples: ['sac rollout pause web'],
        load: async () => ({ run: (await import('./rollout.ts')).pause }),
      },
      {
        name: 'resume',
        summary: 'Go on with a change that was paused or halted',
        args: '[names...]',
        options: WHICH,
        examples: ['sac rollout resume web'],
        load: async () => ({ run: (await import('./rollout.ts')).resume }),
      },
      {
        name: 'restart',
        summary: 'Restart all instances, no more at a time than update.maxUnavailable',
        args: '[names...]',
        options: WHICH,
        examples: ['sac rollout restart web'],
        load: async () => ({ run: (await import('./rollout.ts')).restart }),
      },
    ],
  },
];

/**
 * Owns: the list of verbs about hosts.
 * Never: imports an implementation.
 */
import type { Verb } from '../../verb.ts';
import { TIMEOUT, WAIT } from '../options.ts';

export const HOST_VERBS: readonly Verb[] = [
  {
    name: 'cordon',
    summary: 'Place nothing new on a host; what lives there stays',
    args: '<hosts...>',
    load: () => import('./cordon.ts'),
    examples: ['sac cordon gpu1'],
  },
  {
    name: 'uncordon',
    summary: 'Let a host take agents again',
    args: '<hosts...>',
    load: () => import('./cordon.ts'),
    examples: ['sac uncordon gpu1'],
  },
  {
    name: 'drain',
    summary: 'Cordon a host and move away what may live elsewhere',
    args: '<hosts...>',
    load: () => import('./cordon.ts'),
    options: [WAIT, TIMEOUT, { flags: '--force', description: 'do not wait until agents are idle' }],
    examples: ['sac drain gpu1 --wait', 'sac drain gpu1 --wait --timeout 5m --force'],
  },
  {
    name: 'host',
    summary: 'Look at hosts',
    examples: ['sac host check gpu1'],
    subverbs: [
      {
        name: 'check',
        summary: 'Say what is installed on a host and what is missing there',
        args: '<name>',
        load: () => import('./check.ts'),
        options: [{ flags: '-o, --output <format>', description: 'json' }],
        examples: ['sac host check gpu1', 'sac host check local -o json'],
      },
    ],
  },
];

/**
 * Owns: the list of verbs about saved logins.
 * Never: imports an implementation.
 */
import type { Verb } from '../../verb.ts';

export const ACCOUNT_VERBS: readonly Verb[] = [
  {
    name: 'account',
    summary: 'Manage saved logins of agents (spec.claude.account)',
    examples: ['sac account save work < token.txt', 'sac account list'],
    subverbs: [
      {
        name: 'save',
        summary: 'Save or replace a login; the token of `claude setup-token` comes on standard input',
        args: '<account>',
        load: () => import('./account.ts'),
        options: [],
        examples: ['sac account save work < token.txt'],
      },
      {
        name: 'list',
        summary: 'List saved logins',
        load: () => import('./account.ts'),
        options: [{ flags: '-o, --output <format>', description: 'json' }],
        examples: ['sac account list'],
      },
      {
        name: 'delete',
        summary: 'Remove saved logins; agents that run with one go on until they are started anew',
        args: '<accounts...>',
        load: () => import('./account.ts'),
        options: [],
        examples: ['sac account delete work'],
      },
    ],
  },
];

/**
 * Owns: the list of verbs that need only manifests.
 * Never: imports an implementation.
 */
import type { Verb } from '../../verb.ts';
import { FILES, RECURSIVE } from '../options.ts';

export const MANIFEST_VERBS: readonly Verb[] = [
  {
    name: 'explain',
    summary: 'Explain a field of a manifest',
    args: '<path>',
    load: () => import('./explain.ts'),
    options: [{ flags: '-R, --recursive', description: 'names and types of all fields below it' }],
    examples: ['sac explain agent.spec.restart', 'sac explain agent --recursive'],
  },
  {
    name: 'validate',
    summary: 'Check manifests without a controller',
    args: '[paths...]',
    load: () => import('./validate.ts'),
    options: [FILES, RECURSIVE],
    examples: ['sac validate -f agents'],
  },
  {
    name: 'convert',
    summary: 'Print older manifests as sac/v1, or back',
    args: '[paths...]',
    load: () => import('./convert.ts'),
    options: [
      FILES,
      RECURSIVE,
      { flags: '--to <version>', description: 'sac/v1 (default) or original' },
      { flags: '-o, --output <format>', description: 'yaml (default) or json' },
    ],
    examples: ['sac convert -f old.yaml > spec.yaml', 'sac convert -f spec.yaml --to original'],
  },
  {
    name: 'schema',
    summary: 'Print the JSON Schema of manifests',
    args: '[kind]',
    load: () => import('./schema.ts'),
    options: [],
    examples: ['sac schema > agent.json'],
  },
];

/**
 * Owns: the shape of one rule between an older manifest and sac/v1: a pair of functions over a fixed set of fields.
 * A rule need not be exact: `convert.ts` carries the old fields of every rule whose way back does not give the same again.
 * Never: looks at fields it does not name.
 */
import type { Generation } from './generation.ts';
import type { Json } from './json.ts';

export interface RuleContext {
  readonly generation: Generation;
  /** Folder of the manifest, where there is one. */
  readonly folderName?: string;
  /** `metadata.labels.role`, which decides some defaults. */
  readonly role?: string;
  /** `spec.runtime` was an agent CLI other than claude. */
  readonly otherCli: boolean;
  /** As far as it was converted, it is a job of its own: elsewhere `spec.slurm` had no effect, and has no place. */
  isJob(): boolean;
  /** The manifest is usable, but the reader should know. */
  warn(oldPath: string, message: string): void;
  /** sac cannot yet run this agent as it was meant to be run: it is declared, but at rest. */
  suspend(oldPath: string, why: string): void;
}

type Values = readonly (Json | undefined)[];

export interface Rule {
  readonly old: readonly string[];
  readonly v1: readonly string[];
  /** Values at `old` (null counts as absent) to values at `v1`, each in that order; a missing tail is absent. */
  forward(old: Values, context: RuleContext): Values;
  backward(v1: Values, context: RuleContext): Values;
}

export const textOf = (value: Json | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
export const listOf = (value: Json | undefined): readonly Json[] =>
  Array.isArray(value) ? value : value === undefined || value === '' ? [] : [value];
export const orNothing = (list: readonly Json[]): readonly Json[] | undefined => (list.length === 0 ? undefined : list);

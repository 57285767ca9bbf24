/**
 * Owns: how a git source reads in a wide table: what it follows, what it found there, what is applied, what differs.
 * Never: fails on a source that has not synced yet.
 */
import { field, flagIn, listIn, numberIn, textIn } from './fields.ts';

export interface SourceRow {
  readonly ref: string;
  readonly revision: string;
  readonly applied: string;
  readonly agents: string;
  readonly drift: string;
  readonly suspended: string;
  readonly url: string;
}

/** As git shortens, and as our messages name commits. */
const SHORT = 12;
const NONE = '<none>';

export function sourceRow(spec: unknown, status: unknown): SourceRow {
  const ref = field(spec, 'ref');
  const named = ['branch', 'tag', 'semver', 'commit'].map((by) => textIn(ref, by)).find((name) => name !== undefined);
  const commit = (name: string) => textIn(status, name)?.slice(0, SHORT) ?? NONE;
  return {
    ref: textIn(ref, 'commit')?.slice(0, SHORT) ?? named ?? NONE,
    revision: commit('revision'),
    applied: commit('lastAppliedRevision'),
    agents: String(numberIn(status, 'agents') ?? 0),
    drift: String(listIn(status, 'drift').length),
    suspended: flagIn(spec, 'suspend') ? 'true' : 'false',
    url: textIn(spec, 'url') ?? NONE,
  };
}

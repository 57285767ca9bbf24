/**
 * Owns: results of an apply as a sync tells them.
 * Never: applies.
 */
import type { ApplyResult } from '../../../api/protocol.ts';

/** What stays as it is needs no showing: of a large fleet it would be most of the answer. */
export function asPlanned(result: ApplyResult): ApplyResult {
  if (result.action !== 'unchanged') return result;
  const { before: _b, after: _a, ...rest } = result;
  return rest;
}

export function prunedResult(key: string): ApplyResult {
  const [kind = '', name = ''] = key.split('/');
  return { kind, name, action: 'pruned', generation: 0, restarts: false };
}

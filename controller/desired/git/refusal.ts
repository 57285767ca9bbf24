/**
 * Owns: why a commit, or the look for one, came to nothing, as conditions tell it.
 * Never: decides whether to refuse.
 */
import type { ApplyResponse } from '../../../api/protocol.ts';
import { SacError } from '../../../api/resources/errors.ts';
import type { DurationMs } from '../../../api/resources/time.ts';
import { GitError } from './repository/git-error.ts';
import type { Head } from './repository/repository.ts';
import { type Finding, no } from './status.ts';

/** Somebody may be done by then: an agent is still being deleted, or was just written. */
export const RETRY_MS: DurationMs = 1_000;

/** The commit is not applied, for this reason. */
export class Refusal extends Error {
  readonly finding: Finding;
  readonly problems: readonly string[];
  readonly retryMs: DurationMs | undefined;
  constructor(finding: Finding, problems: readonly string[] = [], retryMs?: DurationMs) {
    super(finding.message);
    this.finding = finding;
    this.problems = problems;
    this.retryMs = retryMs;
  }
}

/** Throws what is not about the repository: fencing, cancelling, bugs. */
export function fetchFinding(error: unknown): Finding {
  if (!(error instanceof GitError) || error.kind === 'Cancelled') throw error;
  return no(error.kind, `${error.message}; what was applied before is kept.`);
}

/** Throws what is not about the commit: fencing, cancelling, bugs. */
export function refusalFrom(error: unknown, commit: string): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof GitError && error.kind !== 'Cancelled')
    return new Refusal(no(error.kind, `${short(commit)} is not applied: ${error.message}.`));
  if (error instanceof SacError && error.reason !== 'Fenced')
    return new Refusal(
      no(error.reason, `${short(commit)} is not applied: ${error.message}.`),
      [error.message],
      RETRY_MS,
    );
  throw error;
}

export function refusedItems(errors: ApplyResponse['errors'], commit: string): Refusal {
  const lines = errors.map(({ origin, message }) => `${origin} ${message} (commit ${short(commit)})`);
  const conflict = errors.some(({ reason }) => reason === 'Conflict');
  const reason = errors[0]?.reason ?? 'Conflict';
  return new Refusal(
    no(reason, `${short(commit)} is not applied: ${lines[0] ?? ''}.`),
    lines,
    conflict ? RETRY_MS : undefined,
  );
}

export const rewritten = (head: Head, from: string): Refusal =>
  new Refusal(
    no(
      'HistoryRewritten',
      `${shownRef(head.ref)} names ${short(head.commit)} now, which does not follow ${short(from)}; that one is kept. \`sac sync --force\` takes the new one.`,
    ),
  );

export const short = (commit: string): string => commit.slice(0, 12);
export const shownRef = (ref: string): string =>
  ref.replace(/^refs\/heads\//, 'branch ').replace(/^refs\/tags\//, 'tag ');
export const things = (count: number): string => (count === 1 ? '1 thing' : `${count} things`);

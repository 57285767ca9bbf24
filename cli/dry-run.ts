/**
 * Owns: what `--dry-run` means for a verb that changes something.
 * Never: changes anything.
 */
import { BadRequestError } from '../api/resources/errors.ts';
import { type Options, text } from './verb.ts';

/** client: nothing is sent that changes something; server: the controller checks it, and changes nothing. */
export type DryRun = 'client' | 'server' | undefined;

/** Throws BadRequestError for another word. */
export function dryRunOf(options: Options): DryRun {
  const where = text(options, 'dryRun');
  if (where === undefined || where === 'none') return undefined;
  if (where === 'client' || where === 'server') return where;
  throw new BadRequestError(`--dry-run "${where}" is not client or server`);
}

/** What a line about a change ends with that was not made. */
export const told = (dryRun: DryRun): string => (dryRun === undefined ? '' : ' (dry run)');
/** For the request. */
export const asked = (dryRun: DryRun): { readonly dryRun?: true } => (dryRun === 'server' ? { dryRun: true } : {});

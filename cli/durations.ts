/**
 * Owns: durations on the command line, without loading the schema library.
 * Never: accepts what the manifests would not.
 */
import { BadRequestError } from '../api/resources/errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds; plain numbers are seconds; negative ones are allowed where the verb gives them a meaning. */
export function parseDuration(text: string, option: string): number {
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1_000;
  if (!/^-?(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text))
    throw new BadRequestError(`${option} "${text}" is not a duration (30s, 5m, 1h30m, or plain seconds)`);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return text.startsWith('-') ? -total : total;
}

/**
 * Owns: how many tokens each instance used in the last minute, from what is told of it as it is told.
 * Never: asks anybody, or remembers more than a minute.
 */
import type { Instance } from '../../api/resources/agent/agent.ts';
import { TOKEN_KINDS } from '../../api/resources/agent/facts.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import { factsOf } from './instance-facts.ts';
import { type Ledger, meter } from './meter.ts';

const MINUTE: DurationMs = 60_000;
/** What is told within one such time is kept as one number. */
const SLOT: DurationMs = 5_000;

interface Rate {
  ledger: Ledger;
  /** Oldest first; at most MINUTE / SLOT and one. */
  readonly slots: { readonly from: Instant; tokens: number }[];
}

export class TokenRates {
  readonly #since: Instant;
  readonly #rates = new Map<string, Rate>();

  /** `since`: when watching began; what was used before does not count. */
  constructor(since: Instant) {
    this.#since = since;
  }

  /** To be called with each change of an instance. */
  note({ metadata: { name }, status }: Pick<Instance, 'metadata' | 'status'>, now: Instant): void {
    if (status.reading?.tokens === undefined) return;
    const rate = this.#rates.get(name) ?? { ledger: {}, slots: [] };
    this.#rates.set(name, rate);
    const { ledger, used } = meter(rate.ledger, [factsOf(name, status)], this.#since);
    rate.ledger = ledger;
    const told = used.get(name)?.tokens;
    const tokens = told ? TOKEN_KINDS.reduce((sum, kind) => sum + told[kind], 0) : 0;
    const last = rate.slots.at(-1);
    if (last && now - last.from < SLOT) last.tokens += tokens;
    else rate.slots.push({ from: now, tokens });
    forget(rate, now);
  }

  forget(name: string): void {
    this.#rates.delete(name);
  }

  /** Tokens of the last minute; undefined: none were ever told of it. */
  perMinute(name: string, now: Instant): number | undefined {
    const rate = this.#rates.get(name);
    if (!rate) return undefined;
    forget(rate, now);
    return rate.slots.reduce((sum, { tokens }) => sum + tokens, 0);
  }
}

function forget({ slots }: Rate, now: Instant): void {
  while (slots[0] !== undefined && now - slots[0].from > MINUTE) slots.shift();
}

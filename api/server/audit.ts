/**
 * Owns: what of the requests goes into the audit log: every change, every refusal, that a token is in use.
 * Never: writes a body, a query or a token; lets strangers push the log's older entries out.
 */
import type { Caller, ServerPorts } from './ports.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Refusals of strangers written out each minute; further ones are counted. */
const STRANGERS_A_MINUTE = 60;
const MAX_REMEMBERED_USES = 1_000;
const MAX_OBJECT = 300;

export interface Audited {
  readonly caller: Caller;
  readonly from: string;
  readonly verb: string;
  /** The request's URL. */
  readonly url: string;
  /** Nothing is changed by it. */
  readonly dryRun?: boolean;
}
export interface AuditTrail {
  /** A request that changes something, or was refused. */
  record(what: Audited, result: number): void;
  /** A read: written once an hour for each token and address. */
  read(what: Audited, result: number): void;
}

export function createAuditTrail({ audit, clock }: Pick<ServerPorts, 'audit' | 'clock'>): AuditTrail {
  const uses = new Map<string, number>();
  let minute = 0;
  let strangers = 0;

  const write = ({ caller, from, verb, url, dryRun }: Audited, result: number, now: number) =>
    audit({
      at: new Date(now).toISOString(),
      who: caller.name,
      role: caller.role,
      from,
      verb,
      object: withoutSecrets(url).slice(0, MAX_OBJECT),
      ...(dryRun && { dryRun }),
      result,
    });

  /** False for the rest of a minute in which strangers knocked too often. */
  const mayWrite = (what: Audited, result: number, now: number): boolean => {
    if (what.caller.role !== 'none') return true;
    const current = Math.floor(now / MINUTE_MS);
    if (current !== minute) {
      const unsaid = strangers - STRANGERS_A_MINUTE;
      minute = current;
      strangers = 0;
      if (unsaid > 0) write({ ...what, verb: 'refused', url: `${unsaid} more like these in a minute` }, result, now);
    }
    return ++strangers <= STRANGERS_A_MINUTE;
  };

  return {
    record(what, result) {
      const now = clock.now();
      if (mayWrite(what, result, now)) write(what, result, now);
    },
    read(what, result) {
      if (what.caller.token === undefined) return;
      const now = clock.now();
      const use = `${what.caller.token} ${what.from}`;
      const last = uses.get(use);
      if (last !== undefined && now - last < HOUR_MS) return;
      if (uses.size >= MAX_REMEMBERED_USES) uses.clear();
      uses.set(use, now);
      write(what, result, now);
    },
  };
}

/** The path alone, and no token in it: people paste one where its id belongs. */
export const withoutSecrets = (url: string): string =>
  (url.split('?')[0] ?? '').replace(/sac_[A-Za-z0-9_%-]{20,}/g, 'sac_...');

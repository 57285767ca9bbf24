/**
 * Owns: what the last message of a CLI says went wrong, once the CLI's reader has found that it is the CLI's own message.
 * Never: looks for such messages itself: an agent may write the same words.
 */
import type { Activity } from '../../../api/resources/agent/agent.ts';
import type { ServiceFault } from '../../../api/resources/agent/facts.ts';

export interface Failure {
  readonly activity: Extract<Activity, 'auth_error' | 'rate_limited' | 'limit_reached' | 'context_low' | 'error'>;
  readonly reason: string;
  /** With `error` alone. */
  readonly fault?: ServiceFault;
  readonly resetsAt?: string;
}

const RESETS = /\bresets?(?: at| in)? ([^·|\n]{2,40}?)(?:\s*[·|\n]|\.\s|\.?$)/i;

export function resetIn(text: string): string | undefined {
  return RESETS.exec(text)?.[1]?.trim();
}

/** First that matches wins: an account without money also answers 429. */
const KINDS: readonly (readonly [Failure['activity'], RegExp, string])[] = [
  [
    'context_low',
    /prompt is too long|context (?:window|length)\b.*\b(?:exceed|full|limit)|maximum context|token limit exceeded|conversation too long/i,
    'the conversation no longer fits the context',
  ],
  [
    'limit_reached',
    /credit balance|quota exceeded|exceeded your current quota|insufficient_quota|billing details|out of (?:extra )?usage|(?:usage|session|weekly|daily|5-hour|opus|sonnet|spend\w*) limit (?:reached|hit)|(?:hit|reached|exceeded) your (?:(?!rate)\S+ ){0,2}limit|limit reached/i,
    'the usage limit of the account is reached',
  ],
  [
    'auth_error',
    /\b(?:401|403)\b|not logged in|please run \/login|run \/login|invalid (?:api|x-api)[- ]key|invalid (?:bearer|access|auth\w*) token|incorrect api key|api key (?:not valid|is invalid|expired|not found|missing)|authentication|unauthori[sz]ed|oauth token|permission_error|no api key|log ?in again|sign in again/i,
    'the credential is missing or refused',
  ],
  [
    'rate_limited',
    /\b429\b|rate.?limit|too many requests|resource.?exhausted/i,
    'requests come too fast for the account',
  ],
];

const FAULTS: readonly (readonly [ServiceFault, RegExp, string])[] = [
  [
    'overloaded',
    /\b(?:529|503)\b|overloaded|at capacity|high (?:load|demand)|server is busy|service unavailable|\bUNAVAILABLE\b/i,
    'the service is overloaded',
  ],
  [
    'server_error',
    /\b(?:500|502|504|52\d)\b|server[_ ]error|bad gateway|gateway time-?out/i,
    'the service failed to answer',
  ],
];

const CLASSIFIED_ERROR = 'the last request failed';

/** What of the service it was, in a message that is known to be a failure and no refusal; undefined: not said. */
export function faultIn(message: string): ServiceFault | undefined {
  return faultOf(message)?.[0];
}
const faultOf = (message: string) => FAULTS.find(([, pattern]) => pattern.test(message.replace(/\s+/g, ' ')));

/** The kind of a message that is known to be a failure. */
export function failureIn(message: string): Failure {
  const resetsAt = resetIn(message);
  const reset = resetsAt === undefined ? {} : { resetsAt };
  // The message may be broken anywhere between two words.
  const flat = message.replace(/\s+/g, ' ');
  for (const [activity, pattern, reason] of KINDS) {
    if (pattern.test(flat)) return { activity, reason, ...reset };
  }
  const [fault, , reason = CLASSIFIED_ERROR] = faultOf(flat) ?? [];
  return { activity: 'error', reason, ...(fault && { fault }), ...reset };
}

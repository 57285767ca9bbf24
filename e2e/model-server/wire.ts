/**
 * Owns: what a wire format has to tell of a request, and how it writes an answer.
 * Never: chooses answers or listens.
 */
import type { Answer, Asked, Usage } from './answer.ts';

/** The moments of an answer; each wire writes them its way. Returned strings are sent as they are. */
export interface Wire {
  readonly contentType: string;
  /** True when the client wants events, not one document. */
  readonly streams: boolean;
  readonly asked: Asked;
  open(usage: Usage): string;
  piece(text: string): string;
  close(answer: Answer, text: string, usage: Usage): string;
  /** The whole answer as one document, for clients that do not stream. */
  whole(answer: Answer, text: string, usage: Usage): unknown;
  error(status: number, type: string | undefined, message: string | undefined): unknown;
}

export type Json = Readonly<Record<string, unknown>>;

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const objects = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isJson) : []);
export const stringOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** CLIs add reminders to what the user said; they never choose an answer. */
export const withoutReminders = (text: string): string =>
  text.replaceAll(/<system-reminder>.*?<\/system-reminder>/gs, '').trim();

export const sse = (event: string | undefined, data: unknown): string =>
  `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;

/** Reasons by status, as the services give them. */
export function reasonOf(status: number): { readonly type: string; readonly message: string } {
  switch (status) {
    case 400:
      return { type: 'invalid_request_error', message: 'Bad request' };
    case 401:
      return { type: 'authentication_error', message: 'Invalid bearer token' };
    case 403:
      return { type: 'permission_error', message: 'Request not allowed' };
    case 404:
      return { type: 'not_found_error', message: 'Not found' };
    case 429:
      return { type: 'rate_limit_error', message: 'Number of requests has exceeded your rate limit' };
    case 529:
      return { type: 'overloaded_error', message: 'Overloaded' };
    default:
      return { type: 'api_error', message: 'Internal server error' };
  }
}

/**
 * Owns: how failures look on the wire.
 * Never: tells internals of an unexpected failure to the caller.
 */
import type { ErrorBody } from '../protocol.ts';
import { InvalidError, SacError } from '../resources/errors.ts';

export interface Failure {
  readonly status: number;
  readonly body: ErrorBody;
}

const failure = (code: number, reason: string, message: string, problems?: readonly string[]): Failure => ({
  status: code,
  body: { kind: 'Status', status: 'Failure', code, reason, message, ...(problems && { problems }) },
});

export function failureOf(error: unknown): Failure {
  if (error instanceof InvalidError) return failure(error.httpStatus, error.reason, error.message, error.problems);
  if (error instanceof SacError && error.reason !== 'InternalError' && error.reason !== 'Fenced')
    return failure(error.httpStatus, error.reason, error.message);
  // Fastify's own: malformed JSON, too large, wrong content type.
  if (
    error instanceof Error &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    error.statusCode >= 400 &&
    error.statusCode < 500
  )
    return failure(error.statusCode, 'BadRequest', error.message);
  return failure(500, 'InternalError', 'the controller failed to answer; its log says why');
}

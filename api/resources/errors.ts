/**
 * Owns: the failures a user can meet, one class per kind, each with its exit code and HTTP status.
 * Never: prints or exits.
 */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  timedOut: 5,
  impossible: 6,
  noController: 7,
  denied: 8,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Base: `message` says what happened, to what, and what to do. */
export class SacError extends Error {
  override readonly name: string = 'SacError';
  readonly exitCode: ExitCode = EXIT.failed;
  readonly httpStatus: number = 500;
  /** Short machine-readable reason, CamelCase. */
  readonly reason: string = 'InternalError';
}
export class InvalidError extends SacError {
  override readonly name = 'InvalidError';
  override readonly exitCode = EXIT.usage;
  override readonly httpStatus = 422;
  override readonly reason = 'Invalid';
  /** All problems found, each a whole line for the user. */
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}
export class BadRequestError extends SacError {
  override readonly name = 'BadRequestError';
  override readonly exitCode = EXIT.usage;
  override readonly httpStatus = 400;
  override readonly reason = 'BadRequest';
}
export class NotFoundError extends SacError {
  override readonly name = 'NotFoundError';
  override readonly exitCode = EXIT.notFound;
  override readonly httpStatus = 404;
  override readonly reason = 'NotFound';
}
export class ConflictError extends SacError {
  override readonly name = 'ConflictError';
  override readonly exitCode = EXIT.conflict;
  override readonly httpStatus = 409;
  override readonly reason = 'Conflict';
}
/** A watch was asked to resume from a version that is no longer kept: list again. */
export class GoneError extends SacError {
  override readonly name = 'GoneError';
  override readonly exitCode = EXIT.conflict;
  override readonly httpStatus = 410;
  override readonly reason = 'Gone';
}
export class DeniedError extends SacError {
  override readonly name = 'DeniedError';
  override readonly exitCode = EXIT.denied;
  override readonly httpStatus = 403;
  override readonly reason = 'Forbidden';
}
export class UnauthenticatedError extends SacError {
  override readonly name = 'UnauthenticatedError';
  override readonly exitCode = EXIT.denied;
  override readonly httpStatus = 401;
  override readonly reason = 'Unauthorized';
}
export class NoControllerError extends SacError {
  override readonly name = 'NoControllerError';
  override readonly exitCode = EXIT.noController;
  override readonly httpStatus = 503;
  override readonly reason = 'NoController';
}
export class TimedOutError extends SacError {
  override readonly name = 'TimedOutError';
  override readonly exitCode = EXIT.timedOut;
  override readonly httpStatus = 504;
  override readonly reason = 'TimedOut';
}
export class ImpossibleError extends SacError {
  override readonly name = 'ImpossibleError';
  override readonly exitCode = EXIT.impossible;
  override readonly httpStatus = 409;
  override readonly reason = 'Impossible';
}
/** A machine that the answer depends on could not be asked; `message` says why. */
export class UnreachableError extends SacError {
  override readonly name = 'UnreachableError';
  override readonly httpStatus = 502;
  override readonly reason = 'Unreachable';
}
/** The disk that the home lies on takes nothing: full, read-only or broken. What was asked for was not done. */
export class NotWrittenError extends SacError {
  override readonly name = 'NotWrittenError';
  override readonly httpStatus = 507;
  override readonly reason = 'NotWritten';
}
/** Another controller has taken over: whoever sees this must stop acting at once. */
export class FencedError extends SacError {
  override readonly name = 'FencedError';
  override readonly reason = 'Fenced';
}

/**
 * Owns: what is wrong with a manifest and where, as a person reads it.
 * Never: decides what is wrong.
 */
import { type FieldPath, formatPath, quote } from '../resources/issues.ts';

export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** `spec.restart.policy`; empty for the document or file as a whole. */
  readonly path: string;
  readonly message: string;
  /** The whole line: `agents/web/spec.yaml:12:5 spec.restart.policy: "sometimes" is not one of ...`. */
  readonly text: string;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

export const FILE_START: Position = { line: 1, column: 1 };

/** `file:line:column`; a file name with control characters is shown quoted. */
export function formatOrigin(file: string, at: Position): string {
  const shown = /[\u0000-\u001f\u007f-\u009f]/.test(file) ? quote(file) : file;
  return `${shown}:${at.line}:${at.column}`;
}

export function problem(file: string, at: Position, path: FieldPath, message: string): Problem {
  const field = formatPath(path);
  return {
    file,
    ...at,
    path: field,
    message,
    text: `${formatOrigin(file, at)}${field === '' ? '' : ` ${field}`}: ${message}`,
  };
}

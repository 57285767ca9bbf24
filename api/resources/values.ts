/**
 * Owns: what fields of several kinds share: text that a process can be given, names of its variables, and when a rule across
 * fields is checked.
 * Never: a field of its own.
 */
import { z } from 'zod';

/** Rules across fields are checked although a field is wrong: all errors at once. */
export const isMapping = ({ value }: { readonly value: unknown }): boolean =>
  typeof value === 'object' && value !== null;
export const text = z
  .string()
  .refine((value) => !value.includes('\0'), { message: 'contains a NUL character, which no process can be given' });
export const argument = text.max(131_072, { message: 'is longer than 128 KiB, the longest argument Linux passes' });
export const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

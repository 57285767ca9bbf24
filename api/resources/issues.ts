/**
 * Owns: checking a value against a schema and saying what is wrong with it: which field, what was found, what is allowed.
 * Messages are predicates on the found value: `"sometimes" is not one of never, on-failure, always`.
 * Never: knows files, lines or YAML; shows a value below `env` (it may be a secret).
 */
import type { z } from 'zod';
import { fieldNamesAt, homesOf } from './fields.ts';
import { closest } from './suggest.ts';

export type FieldPath = readonly (string | number)[];

export interface FieldIssue {
  readonly path: FieldPath;
  /** What the path points at: the key itself, its value, or something missing below the path's parent. */
  readonly at: 'key' | 'value' | 'missing';
  /** A whole sentence part: what was found and what is allowed. */
  readonly message: string;
}

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly FieldIssue[] };

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** Each costs time (what may have been meant is looked for); half a million unknown keys would stop everybody else. */
const MAX_ISSUES = 1_000;

/** Parses `input` once; on failure all issues (at most MAX_ISSUES), in the order of the fields they concern. */
export function check<S extends z.ZodType>(schema: S, input: unknown): Checked<z.output<S>> {
  const result = schema.safeParse(input, { error: allowed });
  if (result.success) return { ok: true, value: result.data };
  const issues: FieldIssue[] = [];
  for (const issue of result.error.issues) {
    if (issues.length >= MAX_ISSUES) break;
    for (const found of flatten(issue, [], { schema, input })) issues.push(found);
  }
  return { ok: false, issues: issues.slice(0, MAX_ISSUES) };
}

/** `spec.command[0]`, `metadata.labels["a/b"]`. */
export function formatPath(path: FieldPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${quote(part)}]`;
  }
  return text;
}

const UNPRINTABLE = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Text in quotes, shortened, with nothing in it that could move a terminal's cursor. */
export function quote(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return JSON.stringify(short).replace(UNPRINTABLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const KIND_NAMES: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

/** zod's error map: what is allowed. Messages written in the schemas themselves take precedence. */
function allowed(issue: RawIssue): string {
  const missing = issue.input === undefined;
  switch (issue.code) {
    case 'invalid_type': {
      const kind = KIND_NAMES[issue.expected] ?? issue.expected;
      return missing ? `is required: ${kind}` : `is not ${kind}${hint(issue.expected, issue.input)}`;
    }
    case 'invalid_value': {
      const values = issue.values.map(String);
      const list = values.length === 1 ? (values[0] ?? '') : `one of ${values.join(', ')}`;
      return missing ? `is required: ${list}` : `is not ${list}${didYouMean(issue.input, values)}`;
    }
    case 'too_small':
      return `${sizeWord(issue.origin, 'small')} ${issue.inclusive === false ? `or equal to ${issue.minimum}` : issue.minimum}${unit(issue.origin)}`;
    case 'too_big':
      return `${sizeWord(issue.origin, 'big')} ${issue.inclusive === false ? `or equal to ${issue.maximum}` : issue.maximum}${unit(issue.origin)}`;
    case 'invalid_format':
      return 'is not in the expected form';
    case 'not_multiple_of':
      return `is not a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      return 'is not a known field';
    // Described from their branches in `flatten`.
    case 'invalid_union':
    case 'invalid_key':
    case 'invalid_element':
    case 'custom':
      return '';
  }
}

const sizeWord = (origin: string, way: 'small' | 'big') => {
  if (origin === 'string') return way === 'small' ? 'is shorter than' : 'is longer than';
  if (origin === 'array' || origin === 'set') return way === 'small' ? 'has fewer than' : 'has more than';
  return way === 'small' ? 'is less than' : 'is more than';
};
const unit = (origin: string) => (origin === 'string' ? ' characters' : origin === 'array' ? ' items' : '');

function hint(expected: string, input: unknown): string {
  if (expected === 'string' && (typeof input === 'number' || typeof input === 'boolean')) return '; write it in quotes';
  if (expected === 'boolean' && typeof input === 'string' && /^(y|yes|n|no|on|off)$/i.test(input))
    return ' (YAML 1.2 writes true and false)';
  if (expected === 'array' && typeof input === 'string') return ' (write each item on a line of its own, after "- ")';
  return '';
}

export function didYouMean(found: unknown, candidates: readonly string[]): string {
  const best = typeof found === 'string' ? closest(found, candidates) : undefined;
  return best === undefined ? '' : ` (did you mean ${quote(best)}?)`;
}

interface Context {
  readonly schema: z.ZodType;
  readonly input: unknown;
}

function flatten(issue: Issue, base: FieldPath, context: Context): FieldIssue[] {
  const path: FieldPath = [...base, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys
        .slice(0, MAX_ISSUES)
        .map((key) => ({ path: [...path, key], at: 'key', message: unknownField(key, path, context) }));
    case 'invalid_key':
      return issue.issues.map((inner) => ({
        path,
        at: 'key',
        message: `${quote(String(path.at(-1)))} ${inner.message}`,
      }));
    case 'invalid_union':
      return describeUnion(issue, path, context);
    default:
      return [describe(issue.message, path, context)];
  }
}

function describe(message: string, path: FieldPath, context: Context): FieldIssue {
  const found = valueAt(context.input, path);
  if (found === undefined) return { path, at: 'missing', message };
  // Schemas may also speak in whole sentences ("host and hosts exclude each other").
  const predicate = /^(is|are|has|does|needs|names|contains|must|may|cannot)\b/.test(message);
  return { path, at: 'value', message: predicate ? `${show(found, path)} ${message}` : message };
}

/** The branch whose kind of value fits tells more than "no branch matched". */
function describeUnion(issue: z.core.$ZodIssueInvalidUnion, path: FieldPath, context: Context): FieldIssue[] {
  const refusesKind = (branch: readonly Issue[]) =>
    branch.some(
      (inner) => inner.path.length === 0 && (inner.code === 'invalid_type' || inner.code === 'invalid_value'),
    );
  const fitting = issue.errors.filter((branch) => branch.length > 0 && !refusesKind(branch));
  const best = fitting.toSorted((a, b) => a.length - b.length)[0];
  if (best?.some((inner) => inner.path.length > 0)) return best.flatMap((inner) => flatten(inner, path, context));
  const words = issue.errors
    .flat()
    .flatMap((inner) => (inner.code === 'invalid_value' && inner.path.length === 0 ? inner.values.map(String) : []));
  const alternatives = issue.errors.flatMap((branch) =>
    branch.filter((inner) => inner.path.length === 0).map((inner) => inner.message.replace(/^is not /, '')),
  );
  const message = issue.message !== '' ? issue.message : `is not ${alternatives.join(', or ')}`;
  const suggestion = message.includes('did you mean') ? '' : didYouMean(valueAt(context.input, path), words);
  return [describe(`${message}${suggestion}`, path, context)];
}

function unknownField(key: string, parent: FieldPath, context: Context): string {
  const known = fieldNamesAt(context.schema, parent);
  const best = closest(key, known);
  if (best !== undefined) return `is not a known field (did you mean ${quote(best)}?)`;
  const homes = homesOf(context.schema, key);
  if (homes.length > 0) return `is not a known field here (it belongs in ${homes.map(formatPath).join(' or ')})`;
  return known.length === 0 ? 'is not a known field' : `is not a known field (known: ${known.join(', ')})`;
}

function valueAt(input: unknown, path: FieldPath): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

function show(value: unknown, path: FieldPath): string {
  if (value === null) return 'an empty value';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (path.includes('env')) return typeof value === 'string' ? 'the text' : `a ${typeof value}`;
  return typeof value === 'string' ? quote(value) : String(value);
}

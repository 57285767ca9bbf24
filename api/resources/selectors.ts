/**
 * Owns: label selectors (kubectl's grammar) and field selectors, parsed once and asked often.
 * Never: knows which resource it selects.
 */
import { BadRequestError } from './errors.ts';

type Labels = Readonly<Record<string, string>>;
export type LabelSelector = (labels: Labels) => boolean;
export type FieldSelector = (resource: unknown) => boolean;

const KEY = '[A-Za-z0-9](?:[A-Za-z0-9_./-]*[A-Za-z0-9])?';
const VALUE = '[A-Za-z0-9_.-]*';
const VALUES = `\\s*${VALUE}\\s*(?:,\\s*${VALUE}\\s*)*`;

/** Own labels alone: `constructor` is a label only if somebody set it. */
const labelOf = (labels: Labels, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;

type Make = (key: string, value: string) => LabelSelector;
const form = (pattern: string, make: Make) => ({ pattern: new RegExp(`^${pattern}$`), make });
const FORMS: readonly { readonly pattern: RegExp; readonly make: Make }[] = [
  form(`(${KEY})\\s*==?\\s*(${VALUE})`, (key, value) => (labels) => labelOf(labels, key) === value),
  form(`(${KEY})\\s*!=\\s*(${VALUE})`, (key, value) => (labels) => labelOf(labels, key) !== value),
  form(`(${KEY})\\s+in\\s*\\((${VALUES})\\)`, (key, values) => memberOf(key, values, true)),
  form(`(${KEY})\\s+notin\\s*\\((${VALUES})\\)`, (key, values) => memberOf(key, values, false)),
  form(`!\\s*(${KEY})`, (key) => (labels) => labelOf(labels, key) === undefined),
  form(`(${KEY})`, (key) => (labels) => labelOf(labels, key) !== undefined),
];

function memberOf(key: string, values: string, wanted: boolean): LabelSelector {
  const set = new Set(values.split(',').map((value) => value.trim()));
  return (labels) => {
    const value = labelOf(labels, key);
    return (value !== undefined && set.has(value)) === wanted;
  };
}

/** `a=b,c!=d,e,!f,g in (x,y),h notin (z)`: all must hold. Throws BadRequestError naming the part that is wrong. */
export function parseLabelSelector(text: string): LabelSelector {
  const parts = splitOutsideParentheses(text);
  const tests = parts.map((part) => {
    for (const { pattern, make } of FORMS) {
      const match = pattern.exec(part);
      if (match) return make(match[1] ?? '', match[2] ?? '');
    }
    throw new BadRequestError(
      `label selector "${part}" is not understood; write key=value, key!=value, key, !key, key in (a,b) or key notin (a,b)`,
    );
  });
  return (labels) => tests.every((test) => test(labels));
}

/**
 * `status.phase=Running,metadata.name!=x`: all must hold. A missing field equals the empty text. A comma, an equals sign or a
 * backslash in a value is written with a backslash before it. Throws BadRequestError naming the part that is wrong.
 */
export function parseFieldSelector(text: string): FieldSelector {
  const tests = fieldRequirements(text).map(({ path, equal, value }) => {
    const keys = path.split('.');
    return (resource: unknown) => (scalarAt(resource, keys) === value) === equal;
  });
  return (resource) => tests.every((test) => test(resource));
}

/** The paths that a field selector asks about. */
export const fieldSelectorPaths = (text: string): readonly string[] => fieldRequirements(text).map(({ path }) => path);

interface FieldRequirement {
  readonly path: string;
  readonly equal: boolean;
  readonly value: string;
}

function fieldRequirements(text: string): readonly FieldRequirement[] {
  const parts = text.match(/(?:\\[\s\S]|[^,\\])+|,(?=,|$)|^(?=,)|^$|\\$/g) ?? [''];
  return parts.map((part) => {
    const match = /^\s*([A-Za-z0-9_.-]+?)\s*(==|=|!=)\s*((?:\\[\\,=]|[^\\=])*)$/.exec(part);
    if (!match)
      throw new BadRequestError(
        `field selector "${part}" is not understood; write path=value or path!=value, for example status.phase=Running`,
      );
    const [, path = '', operator, value = ''] = match;
    return { path, equal: operator !== '!=', value: value.trim().replace(/\\([\\,=])/g, '$1') };
  });
}

function scalarAt(resource: unknown, keys: readonly string[]): string {
  let at: unknown = resource;
  for (const key of keys) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, key)) return '';
    at = Object.getOwnPropertyDescriptor(at, key)?.value;
  }
  return at === null || at === undefined || typeof at === 'object' ? '' : String(at);
}

function splitOutsideParentheses(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i <= text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')') depth--;
    else if (i === text.length || (text[i] === ',' && depth === 0)) {
      parts.push(text.slice(from, i).trim());
      from = i + 1;
    }
  }
  return parts;
}

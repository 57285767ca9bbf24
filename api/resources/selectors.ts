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
const FORMS: readonly { readonly pattern: RegExp; readonly make: (match: RegExpExecArray) => LabelSelector }[] = [
  {
    pattern: new RegExp(`^(${KEY})\\s*(?:==?)\\s*(${VALUE})$`),
    make:
      ([, key = '', value = '']) =>
      (labels) =>
        labels[key] === value,
  },
  {
    pattern: new RegExp(`^(${KEY})\\s*!=\\s*(${VALUE})$`),
    make:
      ([, key = '', value = '']) =>
      (labels) =>
        labels[key] !== value,
  },
  {
    pattern: new RegExp(`^(${KEY})\\s+in\\s*\\(([^()]*)\\)$`),
    make: ([, key = '', values = '']) => memberOf(key, values, true),
  },
  {
    pattern: new RegExp(`^(${KEY})\\s+notin\\s*\\(([^()]*)\\)$`),
    make: ([, key = '', values = '']) => memberOf(key, values, false),
  },
  {
    pattern: new RegExp(`^!\\s*(${KEY})$`),
    make:
      ([, key = '']) =>
      (labels) =>
        labels[key] === undefined,
  },
  {
    pattern: new RegExp(`^(${KEY})$`),
    make:
      ([, key = '']) =>
      (labels) =>
        labels[key] !== undefined,
  },
];

function memberOf(key: string, values: string, wanted: boolean): LabelSelector {
  const set = new Set(values.split(',').map((value) => value.trim()));
  return (labels) => (labels[key] !== undefined && set.has(labels[key])) === wanted;
}

/** `a=b,c!=d,e,!f,g in (x,y),h notin (z)`: all must hold. Throws BadRequestError naming the part that is wrong. */
export function parseLabelSelector(text: string): LabelSelector {
  const parts = splitOutsideParentheses(text);
  const tests = parts.map((part) => {
    for (const { pattern, make } of FORMS) {
      const match = pattern.exec(part);
      if (match) return make(match);
    }
    throw new BadRequestError(
      `label selector "${part}" is not understood; write key=value, key!=value, key, !key, key in (a,b) or key notin (a,b)`,
    );
  });
  return (labels) => tests.every((test) => test(labels));
}

/** `status.phase=Running,metadata.name!=x`: all must hold. A missing field equals the empty text. */
export function parseFieldSelector(text: string): FieldSelector {
  const tests = text.split(',').map((part) => {
    const match = /^\s*([A-Za-z0-9_.-]+)\s*(==|=|!=)\s*(.*?)\s*$/.exec(part);
    if (!match)
      throw new BadRequestError(
        `field selector "${part}" is not understood; write path=value or path!=value, for example status.phase=Running`,
      );
    const [, path = '', operator, wanted = ''] = match;
    const keys = path.split('.');
    return (resource: unknown) => (scalarAt(resource, keys) === wanted) === (operator !== '!=');
  });
  return (resource) => tests.every((test) => test(resource));
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

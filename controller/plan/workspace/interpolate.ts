/**
 * Owns: `${metadata.name}`, `${metadata.labels.k}`, `${NAME}`, `${NAME:-default}` in the text of a file; `$${` is a literal `${`.
 * All else that begins with `$` stays as it is: `$HOME`, `${1}`, `${x%y}`.
 * Never: looks anywhere but in what it is given.
 */

export interface Values {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly variable: (name: string) => string | undefined;
}

/** What the text is the text of: how a value has to be written in it. */
export type Syntax = 'text' | 'json' | 'env';

export type Interpolated =
  | { readonly text: string }
  /** `line`: counted from 1. */
  | { readonly line: number; readonly problem: string };

const REFERENCE =
  /\$\$\{|\$\{(metadata\.name|metadata\.labels\.[A-Za-z0-9_./-]+|[A-Za-z_][A-Za-z0-9_]*)(?::-([^}\n]*))?\}/g;

export function interpolate(text: string, values: Values, syntax: Syntax): Interpolated {
  if (!text.includes('${')) return { text };
  let first: { readonly line: number; readonly problem: string } | undefined;
  const made = text.replace(REFERENCE, (whole, name: string | undefined, fallback: string | undefined, at: number) => {
    if (name === undefined) return '${';
    const said = lookUp(name, values);
    const value = fallback === undefined ? said : said === undefined || said === '' ? fallback : said;
    const problem =
      value === undefined ? unset(name) : syntax === 'env' && /[\r\n]/.test(value) ? severalLines(name) : undefined;
    if (problem !== undefined) {
      first ??= { line: lineAt(text, at), problem };
      return whole;
    }
    return syntax === 'json' ? JSON.stringify(value).slice(1, -1) : (value ?? '');
  });
  return first ?? { text: made };
}

function lookUp(name: string, { name: agent, labels, variable }: Values): string | undefined {
  if (name === 'metadata.name') return agent;
  const label = 'metadata.labels.';
  if (!name.startsWith(label)) return variable(name);
  const key = name.slice(label.length);
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

const unset = (name: string): string =>
  name.startsWith('metadata.')
    ? `\${${name}} is not set: the agent has no such label`
    : `\${${name}} is not set, in spec.env or the controller's environment; set it, write \${${name}:-default}, or $\${${name}} for these very characters`;
const severalLines = (name: string): string => `\${${name}} has several lines, which a line of .env cannot hold`;

const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length;

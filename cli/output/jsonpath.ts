/**
 * Owns: kubectl's JSONPath templates: `{.items[*].metadata.name}`, `{range .items[*]}{.metadata.name}{"\n"}{end}`.
 * Never: evaluates code; filters compare a path with a literal.
 */
import { BadRequestError } from '../../api/resources/errors.ts';

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'all' }
  | { readonly kind: 'deep'; readonly name: string }
  | { readonly kind: 'index'; readonly at: number }
  | { readonly kind: 'slice'; readonly from: number | undefined; readonly to: number | undefined }
  | {
      readonly kind: 'filter';
      readonly path: readonly Step[];
      readonly operator: string;
      readonly literal: string | undefined;
    };

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly steps: readonly Step[] }
  | { readonly kind: 'range'; readonly steps: readonly Step[]; readonly body: readonly Node[] };

/** Compiles a template; throws BadRequestError telling what is not understood. */
export function compileJsonPath(template: string): (resource: unknown) => string {
  const source = template.includes('{')
    ? template
    : `{${template.startsWith('.') || template.startsWith('$') ? '' : '.'}${template}}`;
  const tokens = tokenize(source);
  const { nodes, closed } = parseNodes(tokens, 0, source);
  if (closed) throw wrong(source, 'an {end} without {range}');
  return (resource) => nodes.map((node) => render(node, resource, resource)).join('');
}

/** All values at a path such as `.status.conditions[?(@.type=="Ready")].status`. */
export function valuesAt(path: string, resource: unknown): readonly unknown[] {
  const bare = path.replace(/^\{|\}$/g, '');
  return walk(parseSteps(bare, path), resource, resource);
}

const wrong = (template: string, what: string) =>
  new BadRequestError(`jsonpath "${template}" is not understood: ${what}; write for example {.items[*].metadata.name}`);

function tokenize(template: string): readonly { readonly brace: boolean; readonly text: string }[] {
  const tokens: { brace: boolean; text: string }[] = [];
  for (let at = 0; at < template.length; ) {
    if (template[at] !== '{') {
      const end = template.indexOf('{', at);
      tokens.push({ brace: false, text: template.slice(at, end < 0 ? undefined : end) });
      at = end < 0 ? template.length : end;
      continue;
    }
    let quote = '';
    let end = at + 1;
    for (; end < template.length; end++) {
      const c = template[end] ?? '';
      if (quote !== '') {
        if (c === '\\') end++;
        else if (c === quote) quote = '';
      } else if (c === '"' || c === "'") quote = c;
      else if (c === '}') break;
    }
    if (end >= template.length) throw wrong(template, 'a { is not closed');
    tokens.push({ brace: true, text: template.slice(at + 1, end).trim() });
    at = end + 1;
  }
  return tokens;
}

/** Up to the `{end}` of the range that `from` lies in, or to the last token; `next` is behind that. */
function parseNodes(
  tokens: ReturnType<typeof tokenize>,
  from: number,
  template: string,
): { readonly nodes: readonly Node[]; readonly next: number; readonly closed: boolean } {
  const nodes: Node[] = [];
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at];
    if (!token) break;
    if (!token.brace) nodes.push({ kind: 'text', text: token.text });
    else if (token.text === 'end') return { nodes, next: at + 1, closed: true };
    else if (token.text.startsWith('range ')) {
      const inner = parseNodes(tokens, at + 1, template);
      if (!inner.closed) throw wrong(template, 'a {range} has no {end}');
      nodes.push({ kind: 'range', steps: parseSteps(token.text.slice(6).trim(), template), body: inner.nodes });
      at = inner.next - 1;
    } else if (/^["']/.test(token.text)) nodes.push({ kind: 'text', text: unquote(token.text) });
    else nodes.push({ kind: 'path', steps: parseSteps(token.text, template) });
  }
  return { nodes, next: tokens.length, closed: false };
}

const unquote = (quoted: string): string =>
  quoted.slice(1, -1).replace(/\\(.)/g, (_, c: string) => ({ n: '\n', t: '\t', r: '\r' })[c] ?? c);

const STEP =
  /^(?:\.\.([A-Za-z_][\w-]*)|\.\*|\.((?:\\.|[\w-])+)|\[\*\]|\[(-?\d+)\]|\[(-?\d*):(-?\d*)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\])/;
const FILTER =
  /^\[\?\(\s*@((?:\.(?:\\.|[\w-])+|\['[^']*'\])*)\s*(?:(==|!=|<=|>=|<|>)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|-?[\w.]+)\s*)?\)\]/;

function parseSteps(expression: string, template: string): readonly Step[] {
  const steps: Step[] = [];
  let rest = expression.replace(/^[$@]/, '');
  if (rest !== '' && !/^[.[]/.test(rest)) rest = `.${rest}`;
  if (rest === '.') return [];
  while (rest !== '') {
    const filter = FILTER.exec(rest);
    if (filter) {
      const literal = filter[3];
      steps.push({
        kind: 'filter',
        path: parseSteps(filter[1] ?? '', template),
        operator: filter[2] ?? '',
        literal: literal !== undefined && /^["']/.test(literal) ? unquote(literal) : literal,
      });
      rest = rest.slice(filter[0].length);
      continue;
    }
    const match = STEP.exec(rest);
    if (!match) throw wrong(template, `"${rest}"`);
    const [whole, deep, field, index, from, to, single, double] = match;
    const name = field?.replaceAll(/\\(.)/g, '$1') ?? single ?? double;
    if (deep !== undefined) steps.push({ kind: 'deep', name: deep });
    else if (name !== undefined) steps.push({ kind: 'field', name });
    else if (index !== undefined) steps.push({ kind: 'index', at: Number(index) });
    else if (from !== undefined || to !== undefined)
      steps.push({ kind: 'slice', from: from ? Number(from) : undefined, to: to ? Number(to) : undefined });
    else steps.push({ kind: 'all' });
    rest = rest.slice(whole.length);
  }
  return steps;
}

function own(value: unknown, name: string): readonly unknown[] {
  if (value === null || typeof value !== 'object' || !Object.hasOwn(value, name)) return [];
  return [Object.getOwnPropertyDescriptor(value, name)?.value];
}

function walk(steps: readonly Step[], from: unknown, root: unknown): readonly unknown[] {
  let values: readonly unknown[] = [from];
  for (const step of steps) values = values.flatMap((value) => take(step, value, root));
  return values;
}

function take(step: Step, value: unknown, root: unknown): readonly unknown[] {
  switch (step.kind) {
    case 'field':
      return own(value, step.name);
    case 'all':
      return Array.isArray(value) ? value : value !== null && typeof value === 'object' ? Object.values(value) : [];
    case 'deep':
      return deep(value, step.name);
    case 'index':
      return Array.isArray(value) && value.at(step.at) !== undefined ? [value.at(step.at)] : [];
    case 'slice':
      return Array.isArray(value) ? value.slice(step.from, step.to) : [];
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => passes(step, item, root)) : [];
  }
}

function deep(value: unknown, name: string): readonly unknown[] {
  const children = value !== null && typeof value === 'object' ? Object.values(value) : [];
  return [...own(value, name), ...children.flatMap((child) => deep(child, name))];
}

function passes({ path, operator, literal }: Extract<Step, { kind: 'filter' }>, item: unknown, root: unknown): boolean {
  const [found] = walk(path, item, root);
  if (operator === '') return found !== undefined;
  const actual = found === undefined || found === null ? '' : String(found);
  const wanted = literal ?? '';
  const order =
    actual !== '' && wanted !== '' && !Number.isNaN(Number(actual)) && !Number.isNaN(Number(wanted))
      ? Number(actual) - Number(wanted)
      : actual < wanted
        ? -1
        : actual > wanted
          ? 1
          : 0;
  return (
    { '==': order === 0, '!=': order !== 0, '<': order < 0, '>': order > 0, '<=': order <= 0, '>=': order >= 0 }[
      operator
    ] ?? false
  );
}

function render(node: Node, at: unknown, root: unknown): string {
  switch (node.kind) {
    case 'text':
      return node.text;
    case 'path':
      return walk(node.steps, at, root).map(show).join(' ');
    case 'range':
      return walk(node.steps, at, root)
        .map((value) => node.body.map((inner) => render(inner, value, root)).join(''))
        .join('');
  }
}

export const show = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);

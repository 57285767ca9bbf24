/**
 * Owns: `sac get`.
 * Never: changes anything, or shows secrets that are declared, unless --raw asks for them.
 */
import type { Client } from '../../../api/client.ts';
import type { AnyResource, ListQuery, Plural, Table, TableQuery } from '../../../api/protocol.ts';
import { BadRequestError, EXIT, InvalidError, NotFoundError } from '../../../api/resources/errors.ts';
import { redactResource } from '../../../api/resources/redact-resource.ts';
import { type Named, parseResources, typeOf } from '../../client/resources.ts';
import { tellProblems } from '../../manifest-files.ts';
import { valuesAt } from '../../output/jsonpath.ts';
import { createPrinter, type Printer } from '../../output/print.ts';
import { type Context, flag, type Options, type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const named = parseResources(args);
  const printer = createPrinter({
    format: text(options, 'output'),
    showLabels: flag(options, 'showLabels'),
    headers: options['headers'] !== false,
    now: Date.now,
    terminal: context.out.isTerminal,
    streaming: flag(options, 'watch'),
  });
  const query = queryOf(options);
  const shown = flag(options, 'raw') ? (item: AnyResource) => item : redactResource<AnyResource>;
  const client = await context.client();
  if (flag(options, 'watch')) return watch(client, named, query, hiding(printer, shown), options, context);
  const { served } = printer;
  if (served && text(options, 'sortBy') === undefined && named.every(({ names }) => names.length === 0)) {
    const tables = await tablesOf(client, named, { ...query, ...served.query });
    if (tables) {
      const full = tables.filter(([, { rows }]) => rows.length > 0);
      for (const [plural, { rows }] of tables) if (rows.length === 0) context.err.write(`No ${plural} found.\n`);
      context.out.write(full.map(([plural, table]) => served.print(plural, table)).join('\n'));
      return EXIT.done;
    }
  }
  let code: number = EXIT.done;
  const found: { readonly plural: Plural; readonly items: readonly AnyResource[]; readonly single: boolean }[] = [];
  for (const { plural, names } of named) {
    const { items, missing } = await fetchItems(client, { plural, names }, query);
    tellMissing(plural, missing, context);
    if (missing.length > 0) code = EXIT.notFound;
    if (items.length === 0 && missing.length === 0 && isTable(options)) context.err.write(`No ${plural} found.\n`);
    else if (items.length > 0 || missing.length === 0)
      found.push({ plural, items: sortBy(items, text(options, 'sortBy')), single: names.length === 1 });
  }
  const [first, ...more] = found;
  if (first && more.length > 0 && printer.oneDocument)
    found.splice(0, found.length, { ...first, items: found.flatMap(({ items }) => items), single: false });
  for (const [i, { plural, items, single }] of found.entries())
    context.out.write(
      `${i > 0 && isSpread(options) ? '\n' : ''}${await hiding(printer, shown).print(plural, items, single)}`,
    );
  return code;
};

const hiding = (printer: Printer, shown: (item: AnyResource) => AnyResource): Printer => ({
  ...printer,
  print: (plural, items, single) => printer.print(plural, items.map(shown), single),
});

/** Undefined: the controller is of a version that makes no tables (or the query is wrong, which the list then says). */
async function tablesOf(
  client: Client,
  named: readonly Named[],
  query: TableQuery,
): Promise<readonly (readonly [Plural, Table])[] | undefined> {
  try {
    return await Promise.all(named.map(async ({ plural }) => [plural, await client.table(plural, query)] as const));
  } catch (error) {
    if (error instanceof InvalidError) return undefined;
    throw error;
  }
}

export function tellMissing(plural: Plural, missing: readonly string[], context: Context): void {
  tellProblems(
    context,
    missing.map((name) => `${typeOf(plural).singular} "${name}" not found; \`sac get ${plural}\` lists what there is`),
  );
}

/** Tables of several kinds are kept apart. */
const isSpread = (options: Options): boolean => isTable(options) && text(options, 'output') !== 'name';

const isTable = (options: Options): boolean =>
  ['', 'wide', 'name'].includes((text(options, 'output') ?? '').split('=')[0] ?? '') ||
  (text(options, 'output') ?? '').startsWith('custom-columns');

const queryOf = (options: Options): ListQuery => {
  const labelSelector = text(options, 'selector');
  const fieldSelector = text(options, 'fieldSelector');
  return {
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
    ...(flag(options, 'raw') && { raw: true }),
  };
};

export async function fetchItems(
  client: Client,
  { plural, names }: Named,
  query: ListQuery,
): Promise<{ readonly items: readonly AnyResource[]; readonly missing: readonly string[] }> {
  if (names.length === 0) return { items: (await client.list(plural, query)).items, missing: [] };
  const items: AnyResource[] = [];
  const missing: string[] = [];
  for (const name of names) {
    try {
      items.push(await (query.raw ? client.get(plural, name, { raw: true }) : client.get(plural, name)));
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      missing.push(name);
    }
  }
  return { items, missing };
}

function sortBy(items: readonly AnyResource[], path: string | undefined): readonly AnyResource[] {
  if (path === undefined) return items;
  const keyed = items.map((item) => ({
    item,
    key: valuesAt(path.startsWith('{') || path.startsWith('.') ? path : `.${path}`, item)[0],
  }));
  if (items.length > 0 && keyed.every(({ key }) => key === undefined))
    throw new BadRequestError(`--sort-by "${path}": none of them has this field (for example .metadata.name)`);
  return keyed.sort((a, b) => compare(a.key, b.key)).map(({ item }) => item);
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [x, y] = [String(a ?? ''), String(b ?? '')];
  return x < y ? -1 : x > y ? 1 : 0;
}

async function watch(
  client: Client,
  named: readonly Named[],
  query: ListQuery,
  printer: Printer,
  options: Options,
  context: Context,
): Promise<number> {
  const codes = await Promise.all(named.map((one) => watchOne(client, one, query, printer, options, context)));
  return codes.find((code) => code !== EXIT.done) ?? EXIT.done;
}

/** All there is in one table, then every change as a line below it. */
async function watchOne(
  client: Client,
  { plural, names }: Named,
  query: ListQuery,
  printer: Printer,
  options: Options,
  context: Context,
): Promise<number> {
  const list = await client.list(plural, query);
  const meant = (item: AnyResource) => names.length === 0 || names.includes(item.metadata.name);
  const items: readonly AnyResource[] = list.items.filter(meant);
  const missing = names.filter((name) => !items.some(({ metadata }) => metadata.name === name));
  tellMissing(plural, missing, context);
  if (missing.length > 0) return EXIT.notFound;
  if (items.length > 0 && isTable(options))
    context.out.write(await printer.print(plural, sortBy(items, text(options, 'sortBy')), false));
  // A stream of documents, not a list that never ends.
  else for (const item of items) context.out.write(await printer.print(plural, [item], true));
  const changes = client.watch(plural, { ...query, since: list.metadata.resourceVersion, signal: context.signal });
  for await (const { type, object } of changes)
    if (object && type !== 'BOOKMARK' && meant(object)) context.out.write(await printer.print(plural, [object], true));
  return EXIT.done;
}

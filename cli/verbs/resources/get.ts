/**
 * Owns: `sac get`.
 * Never: changes anything.
 */
import type { Client } from '../../../api/client.ts';
import type { AnyResource, ListQuery, Plural } from '../../../api/protocol.ts';
import { EXIT, NotFoundError } from '../../../api/resources/errors.ts';
import { valuesAt } from '../../output/jsonpath.ts';
import { createPrinter } from '../../output/print.ts';
import { oneLine } from '../../output/terminal.ts';
import { type Named, parseResources } from '../../resources.ts';
import { type Context, flag, type Options, type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const named = parseResources(args);
  const printerWith = (headers: boolean) =>
    createPrinter({
      format: text(options, 'output'),
      showLabels: flag(options, 'showLabels'),
      headers: headers && options['headers'] !== false,
      now: Date.now(),
    });
  const printer = printerWith(true);
  const query = queryOf(options);
  const client = await context.client();
  if (flag(options, 'watch')) return watch(client, named, query, printerWith, context);
  let code: number = EXIT.done;
  for (const { plural, names } of named) {
    const { items, missing } = await fetchItems(client, { plural, names }, query);
    for (const name of missing) {
      context.err.write(`sac: ${plural.slice(0, -1)} "${oneLine(name)}" not found\n`);
      code = EXIT.notFound;
    }
    const sorted = sortBy(items, text(options, 'sortBy'));
    if (sorted.length === 0 && missing.length === 0 && isTable(options)) context.err.write(`No ${plural} found.\n`);
    else if (sorted.length > 0 || missing.length === 0)
      context.out.write(await printer.print(plural, sorted, names.length === 1));
  }
  return code;
};

const isTable = (options: Options): boolean =>
  ['', 'wide', 'name'].includes((text(options, 'output') ?? '').split('=')[0] ?? '') ||
  (text(options, 'output') ?? '').startsWith('custom-columns');

const queryOf = (options: Options): ListQuery => {
  const labelSelector = text(options, 'selector');
  const fieldSelector = text(options, 'fieldSelector');
  return {
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
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
      items.push(await client.get(plural, name));
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
  return keyed.sort((a, b) => compare(a.key, b.key)).map(({ item }) => item);
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [x, y] = [String(a ?? ''), String(b ?? '')];
  return x < y ? -1 : x > y ? 1 : 0;
}

type PrinterWith = (headers: boolean) => ReturnType<typeof createPrinter>;

async function watch(
  client: Client,
  named: readonly Named[],
  query: ListQuery,
  printerWith: PrinterWith,
  context: Context,
): Promise<number> {
  await Promise.all(named.map(({ plural, names }) => watchOne(client, plural, names, query, printerWith, context)));
  return EXIT.done;
}

async function watchOne(
  client: Client,
  plural: Plural,
  names: readonly string[],
  query: ListQuery,
  printerWith: PrinterWith,
  context: Context,
): Promise<void> {
  let first = true;
  for await (const { type, object } of client.watch(plural, { ...query, signal: context.signal })) {
    if (!object || (names.length > 0 && !names.includes(object.metadata.name))) continue;
    if (type === 'BOOKMARK') continue;
    context.out.write(await printerWith(first).print(plural, [object], true));
    first = false;
  }
}

/**
 * Owns: resources as text: tables, JSON, YAML, names, JSONPath, custom columns.
 * Never: prints; it returns the text, so that one write goes out.
 */
import type { AnyResource, Plural, Table, TableQuery } from '../../api/protocol.ts';
import { BadRequestError } from '../../api/resources/errors.ts';
import { cellsOf } from '../../api/tables/columns.ts';
import { typeOf } from '../client/resources.ts';
import { compileJsonPath, show, valuesAt } from './jsonpath.ts';
import { table } from './table.ts';
import { escapeControls, stripControls } from './terminal.ts';

export interface PrintOptions {
  readonly format: string | undefined;
  readonly showLabels: boolean;
  readonly headers: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Goes to a terminal: free text is stripped of what it would obey. Tables and JSON are always safe. */
  readonly terminal: boolean;
  /** Prints come one after the other: a table goes on below its header. */
  readonly streaming?: boolean;
}

export interface Printer {
  /** The format is a table that the server can make; absent: it needs the resources themselves. */
  readonly served?: {
    readonly query: Required<Pick<TableQuery, 'wide' | 'labels'>>;
    print(plural: Plural, table: Table): string;
  };
  /** Resources of several kinds are one document, not one after the other. */
  readonly oneDocument: boolean;
  /** One named resource is printed as itself, several as a List. */
  print(plural: Plural, items: readonly AnyResource[], single: boolean): Promise<string>;
}

const FORMATS = 'wide, json, yaml, name, jsonpath=TEMPLATE, custom-columns=HEADER:PATH,...';

/** Throws BadRequestError for a format that does not exist, before anything is asked of the server. */
export function createPrinter(options: PrintOptions): Printer {
  const { format, showLabels, headers, now, terminal, streaming = false } = options;
  const [kind, argument] = splitFormat(format);
  const safe = terminal ? stripControls : (text: string) => text;
  const begun = new Map<Plural, number[]>();
  const tabulate = (plural: Plural, titles: readonly string[], rows: readonly (readonly string[])[]): string => {
    const widths = streaming ? begun.get(plural) : undefined;
    const kept = widths ?? [];
    begun.set(plural, kept);
    return table(titles, rows, headers && !widths, kept);
  };
  switch (kind) {
    case '':
    case 'wide':
      return {
        served: {
          query: { wide: kind === 'wide', labels: showLabels },
          print: (plural, { columns, rows }) => tabulate(plural, columns, rows),
        },
        oneDocument: false,
        print: async (plural, items) => tabulate(plural, ...cellsOf(plural, items, kind === 'wide', showLabels, now())),
      };
    case 'json':
      return {
        oneDocument: true,
        print: async (_plural, items, single) =>
          `${escapeControls(JSON.stringify(wrap(items, single), undefined, 2))}\n`,
      };
    case 'yaml':
      return {
        oneDocument: true,
        async print(_plural, items, single) {
          const { toYaml } = await import('./yaml.ts');
          return safe(toYaml(wrap(items, single)));
        },
      };
    case 'name':
      return {
        oneDocument: false,
        print: async (plural, items) =>
          items.map(({ metadata }) => `${typeOf(plural).singular}/${metadata.name}\n`).join(''),
      };
    case 'jsonpath': {
      if (argument === '')
        throw new BadRequestError('-o jsonpath= needs a template, for example -o jsonpath={.items[*].metadata.name}');
      const template = compileJsonPath(argument);
      return { oneDocument: true, print: async (_plural, items, single) => safe(template(wrap(items, single))) };
    }
    case 'custom-columns': {
      const columns = argument.split(',').map((column) => {
        const at = column.indexOf(':');
        if (at <= 0)
          throw new BadRequestError(`custom column "${column}" is not HEADER:PATH (for example NAME:.metadata.name)`);
        return { header: column.slice(0, at), path: column.slice(at + 1) };
      });
      return {
        oneDocument: false,
        print: async (plural, items) =>
          tabulate(
            plural,
            columns.map(({ header }) => header),
            items.map((item) => columns.map(({ path }) => valuesAt(path, item).map(show).join(',') || '<none>')),
          ),
      };
    }
    default:
      throw new BadRequestError(`output format "${format}" does not exist; use one of ${FORMATS}`);
  }
}

function splitFormat(format = ''): readonly [string, string] {
  const at = format.indexOf('=');
  return at < 0 ? [format, ''] : [format.slice(0, at), format.slice(at + 1)];
}

const wrap = (items: readonly AnyResource[], single: boolean): unknown =>
  single && items.length === 1 ? items[0] : { apiVersion: 'sac/v1', kind: 'List', metadata: {}, items };

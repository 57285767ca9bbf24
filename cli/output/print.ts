/**
 * Owns: resources as text: tables, JSON, YAML, names, JSONPath, custom columns.
 * Never: prints; it returns the text, so that one write goes out.
 */
import type { AnyResource, Plural } from '../../api/protocol.ts';
import type { Agent, Instance } from '../../api/resources/agent.ts';
import { BadRequestError } from '../../api/resources/errors.ts';
import type { EventObject } from '../../api/resources/event.ts';
import type { Host } from '../../api/resources/host.ts';
import { typeOf } from '../resources.ts';
import { compileJsonPath, show, valuesAt } from './jsonpath.ts';
import { age, table } from './table.ts';
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
        print: async (plural, items) => tabulate(plural, ...cellsOf(plural, items, kind === 'wide', showLabels, now())),
      };
    case 'json':
      return {
        print: async (_plural, items, single) =>
          `${escapeControls(JSON.stringify(wrap(items, single), undefined, 2))}\n`,
      };
    case 'yaml':
      return {
        async print(_plural, items, single) {
          const { toYaml } = await import('./yaml.ts');
          return safe(toYaml(wrap(items, single)));
        },
      };
    case 'name':
      return {
        print: async (plural, items) =>
          items.map(({ metadata }) => `${typeOf(plural).singular}/${metadata.name}\n`).join(''),
      };
    case 'jsonpath': {
      if (argument === '')
        throw new BadRequestError('-o jsonpath= needs a template, for example -o jsonpath={.items[*].metadata.name}');
      const template = compileJsonPath(argument);
      return { print: async (_plural, items, single) => safe(template(wrap(items, single))) };
    }
    case 'custom-columns': {
      const columns = argument.split(',').map((column) => {
        const at = column.indexOf(':');
        if (at <= 0)
          throw new BadRequestError(`custom column "${column}" is not HEADER:PATH (for example NAME:.metadata.name)`);
        return { header: column.slice(0, at), path: column.slice(at + 1) };
      });
      return {
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

const labelsOf = (item: AnyResource): string =>
  ('labels' in item.metadata
    ? Object.entries(item.metadata.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(',')
    : '') || '<none>';

function cellsOf(
  plural: Plural,
  items: readonly AnyResource[],
  wide: boolean,
  showLabels: boolean,
  now: number,
): readonly [titles: readonly string[], rows: readonly (readonly string[])[]] {
  const columns = columnsOf(plural, wide);
  const rows = items.map((item) => [
    ...columns.map(({ cell }) => cell(item, now)),
    ...(showLabels ? [labelsOf(item)] : []),
  ]);
  return [[...columns.map(({ header }) => header), ...(showLabels ? ['LABELS'] : [])], rows];
}

interface Column {
  readonly header: string;
  readonly cell: (item: AnyResource, now: number) => string;
}

const only =
  <T extends AnyResource>(kind: T['kind'], cell: (item: T, now: number) => string) =>
  (item: AnyResource, now: number): string =>
    item.kind === kind ? cell(item as T, now) : '';

function columnsOf(plural: Plural, wide: boolean): readonly Column[] {
  switch (plural) {
    case 'agents': {
      const on = (header: string, cell: (agent: Agent, now: number) => string): Column => ({
        header,
        cell: only<Agent>('Agent', cell),
      });
      return [
        on('NAME', ({ metadata }) => metadata.name),
        on('READY', ({ status }) => `${status.readyInstances}/${status.desiredInstances}`),
        on('STATUS', statusText),
        on('RESTARTS', ({ status }) => String(status.restarts)),
        ...(wide
          ? [
              on('ACTIVITY', ({ status }) => status.activity),
              on('PROFILE', ({ spec }) => spec.profile ?? (spec.command ? 'exec' : 'claude-code')),
              on(
                'PLACE',
                ({ status }) =>
                  [
                    ...new Set(
                      status.instances.map(({ host, runtime }) => (runtime === '' ? '<none>' : `${host}/${runtime}`)),
                    ),
                  ].join(',') || '<none>',
              ),
              on('SOURCE', ({ metadata }) =>
                metadata.source ? `${metadata.source.kind}:${metadata.source.name}` : '<none>',
              ),
              on('REASON', ({ status }) => reasonOf(status.conditions)),
            ]
          : []),
        on('AGE', ({ metadata }, now) => age(metadata.creationTimestamp, now)),
      ];
    }
    case 'instances': {
      const on = (header: string, cell: (instance: Instance, now: number) => string): Column => ({
        header,
        cell: only<Instance>('Instance', cell),
      });
      return [
        on('NAME', ({ metadata }) => metadata.name),
        on('AGENT', ({ spec }) => spec.agent),
        on('STATUS', ({ status }) => status.phase),
        on('READY', ({ status }) => (status.ready ? 'true' : 'false')),
        on('RESTARTS', ({ status }) => String(status.restarts)),
        on('PLACE', ({ spec }) => (spec.runtime === '' ? '<none>' : `${spec.host}/${spec.runtime}`)),
        ...(wide
          ? [
              on('PID', ({ status }) => String(status.pid ?? '<none>')),
              on('SESSION', ({ status }) => status.session ?? '<none>'),
              on('LAST-EXIT', ({ status }) =>
                status.lastExit
                  ? (status.lastExit.signal ?? String(status.lastExit.code ?? status.lastExit.reason))
                  : '<none>',
              ),
            ]
          : []),
        on('AGE', ({ metadata }, now) => age(metadata.creationTimestamp, now)),
      ];
    }
    case 'events': {
      const on = (header: string, cell: (event: EventObject, now: number) => string): Column => ({
        header,
        cell: only<EventObject>('Event', cell),
      });
      return [
        on('LAST-SEEN', ({ lastSeen }, now) => age(lastSeen, now)),
        on('TYPE', ({ type }) => type),
        on('REASON', ({ reason }) => reason),
        on('OBJECT', ({ regarding }) => `${regarding.kind.toLowerCase()}/${regarding.instance ?? regarding.name}`),
        on('COUNT', ({ count }) => String(count)),
        on('MESSAGE', ({ message }) => message),
      ];
    }
    case 'hosts': {
      const on = (header: string, cell: (host: Host, now: number) => string): Column => ({
        header,
        cell: only<Host>('Host', cell),
      });
      return [
        on('NAME', ({ metadata }) => metadata.name),
        on('READY', ({ status }) => (status.ready ? 'True' : 'False')),
        on('AGENTS', ({ status }) => String(status.agents)),
        on(
          'RUNTIMES',
          ({ status }) =>
            status.places
              .filter(({ available }) => available)
              .map(({ runtime }) => runtime)
              .join(',') || '<none>',
        ),
        ...(wide
          ? [
              on('DETAIL', ({ status }) =>
                status.places.map(({ runtime, detail }) => `${runtime}: ${detail}`).join('; '),
              ),
            ]
          : []),
        on('AGE', ({ metadata }, now) => age(metadata.creationTimestamp, now)),
      ];
    }
  }
}

/** Running but not ready, or gone wrong: the reason is the better word, as in kubectl's STATUS. */
function statusText({ metadata, status }: Agent): string {
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (status.phase === 'Failed') return status.conditions.find(({ type }) => type === 'Started')?.reason ?? 'Failed';
  return status.phase === 'Backoff' ? 'BackOff' : status.phase;
}

const reasonOf = (conditions: Agent['status']['conditions']): string => {
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ready && ready.status !== 'True' ? ready.reason : '<none>';
};

/**
 * Owns: the columns of each kind's table, for the server that answers tables and for the CLI that prints what it watches.
 * Never: prints, or imports a schema library: the start-up time of `sac get` depends on it.
 */
import type { AnyResource, Plural } from '../protocol.ts';
import type { Agent, Instance, ReadingStatus } from '../resources/agent/agent.ts';
import type { EventObject } from '../resources/event.ts';
import type { Host } from '../resources/kinds/host.ts';
import { age } from './age.ts';
import { type BudgetRow, budgetRow } from './budget-row.ts';
import { flagIn } from './fields.ts';
import { type SourceRow, sourceRow } from './source-row.ts';

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
              on('CONTEXT', ({ status }) => percentText(firstReading(status)?.contextUsedRatio)),
              on('TOKENS-TODAY', ({ status }) => countText(firstReading(status)?.tokensToday)),
              on('LAST-TOOL', ({ status }, now) => {
                const { lastToolName, lastToolAt } = firstReading(status) ?? {};
                return lastToolName === undefined
                  ? '<none>'
                  : `${lastToolName}${lastToolAt === undefined ? '' : ` (${age(lastToolAt, now)})`}`;
              }),
              on('BLOCKED', ({ status }) => blockedText(status)),
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
              on('NEXT-START', ({ status }) => status.nextStart ?? '<none>'),
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
        on('SCHEDULING', ({ spec: { drain = false, cordoned = false } }) =>
          drain !== false ? 'Draining' : cordoned ? 'Cordoned' : 'Enabled',
        ),
        on('LATENCY', ({ status: { latencyMs } }) =>
          latencyMs === undefined ? '<none>' : `${Math.round(latencyMs)}ms`,
        ),
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
              on('DETAIL', ({ spec, status }) =>
                status.ready
                  ? status.places
                      .filter(({ runtime }) => spec.runtimes?.some((allowed) => allowed === runtime) ?? true)
                      .map(({ runtime, detail }) => `${runtime}: ${detail}`)
                      .join('; ')
                  : (status.conditions[0]?.message ?? ''),
              ),
            ]
          : []),
        on('AGE', ({ metadata }, now) => age(metadata.creationTimestamp, now)),
      ];
    }
    case 'budgets': {
      const on = (header: string, cell: (budget: BudgetRow) => string): Column => ({
        header,
        cell: (item, now) =>
          item.kind === 'Budget' && 'spec' in item ? cell(budgetRow(item.spec, item.status, now)) : '',
      });
      return [
        { header: 'NAME', cell: ({ metadata }) => metadata.name },
        {
          header: 'STATE',
          cell: (item) => {
            const reason = conditionOf('Ready', 'reason')(item);
            // As kubectl marks a node: it is still counted, and nobody is held.
            return 'spec' in item && flagIn(item.spec, 'suspend') ? `${reason},Suspended` : reason;
          },
        },
        on('WINDOW', ({ window }) => window),
        on('TOKENS', ({ tokens }) => tokens),
        on('COST', ({ cost }) => cost),
        on('AGENTS', ({ agents }) => agents),
        on('ACTION', ({ action }) => action),
        on('HELD', ({ held }) => held),
        on('RESETS-IN', ({ resets }) => resets),
        ...(wide ? [{ header: 'STATUS', cell: conditionOf('Ready', 'message') }] : []),
      ];
    }
    case 'gitsources': {
      const on = (header: string, cell: (source: SourceRow) => string): Column => ({
        header,
        cell: (item) => (item.kind === 'GitSource' && 'spec' in item ? cell(sourceRow(item.spec, item.status)) : ''),
      });
      const [name, ready, ...rest] = plainColumns();
      return [
        name,
        ready,
        ...(wide
          ? [
              on('REF', ({ ref }) => ref),
              on('REVISION', ({ revision }) => revision),
              on('APPLIED', ({ applied }) => applied),
              on('AGENTS', ({ agents }) => agents),
              on('DRIFT', ({ drift }) => drift),
              on('SUSPENDED', ({ suspended }) => suspended),
              on('URL', ({ url }) => url),
            ]
          : []),
        ...rest,
      ];
    }
    default:
      return plainColumns();
  }
}

const plainColumns = (): readonly [Column, Column, ...Column[]] => [
  { header: 'NAME', cell: ({ metadata }) => metadata.name },
  { header: 'READY', cell: conditionOf('Ready', 'status') },
  { header: 'STATUS', cell: conditionOf('Ready', 'message') },
  {
    header: 'AGE',
    cell: ({ metadata }, now) => ('creationTimestamp' in metadata ? age(metadata.creationTimestamp, now) : '<unknown>'),
  },
];

const conditionOf =
  (type: string, field: 'status' | 'message' | 'reason') =>
  (item: AnyResource): string => {
    const conditions = 'status' in item && 'conditions' in item.status ? item.status['conditions'] : undefined;
    if (!Array.isArray(conditions)) return '<unknown>';
    const found: unknown = conditions.find((condition) => condition?.type === type)?.[field];
    return typeof found === 'string' ? found : '<unknown>';
  };

const firstReading = (status: Agent['status']): ReadingStatus | undefined =>
  status.instances.find(({ reading }) => reading !== undefined)?.reading;
const percentText = (ratio: number | undefined): string =>
  ratio === undefined ? '<none>' : `${Math.round(ratio * 100)}%`;
const countText = (count: number | undefined): string =>
  count === undefined ? '<none>' : count < 10_000 ? String(count) : `${Math.round(count / 1000)}k`;
const blockedText = ({ conditions }: Agent['status']): string => {
  const blocked = conditions.find(({ type }) => type === 'Blocked');
  return blocked?.status === 'True' ? blocked.reason : '<none>';
};

/** Running but not ready, or gone wrong: the reason is the better word, as in kubectl's STATUS. */
export function statusText({ metadata, status }: Agent): string {
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (status.held !== undefined) return status.phase === 'Stopped' ? 'Held' : status.phase;
  if (status.phase === 'Failed') return status.conditions.find(({ type }) => type === 'Started')?.reason ?? 'Failed';
  if (status.phase === 'Stopped' && status.nextStart !== undefined) return 'Scheduled';
  return status.phase === 'Backoff' ? 'BackOff' : status.phase;
}

const reasonOf = (conditions: Agent['status']['conditions']): string => {
  const ready = conditions.find(({ type }) => type === 'Ready');
  if (!ready || ready.status === 'True') return '<none>';
  // Only that it waits: what for is said where it is to be placed.
  const placed = conditions.find(({ type }) => type === 'Placed');
  return placed?.status === 'False' ? placed.reason : ready.reason;
};

const labelsOf = (item: AnyResource): string =>
  ('labels' in item.metadata
    ? Object.entries(item.metadata.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(',')
    : '') || '<none>';

/** What a table of these shows; `now` in milliseconds since 1970. */
export function cellsOf(
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

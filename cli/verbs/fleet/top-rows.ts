/**
 * Owns: two reports of use as rows: rates from the difference, sums by agent, order. Pure.
 * Never: makes up a number: what was not told, or has no report before it, is absent.
 */
import type { HostUsage, InstanceUsage, UsageReport } from '../../../api/protocol.ts';

export interface AgentRow {
  readonly name: string;
  readonly phase: string;
  readonly activity: string;
  /** Processors kept busy. */
  readonly cpu?: number;
  readonly memoryBytes?: number;
  readonly processes?: number;
  /** Of several instances, the fullest. */
  readonly contextUsedRatio?: number;
  readonly tokensPerMinute?: number;
  readonly tokensToday?: number;
  /** `host/runtime`, of each instance's. */
  readonly places: readonly string[];
}
export interface HostRow {
  readonly name: string;
  readonly cpus?: number;
  readonly cpu?: number;
  readonly memoryBytes?: number;
  readonly memoryTotalBytes?: number;
  readonly load1m?: number;
  /** Instances with a process there. */
  readonly agents: number;
  readonly problem?: string;
}
export const SORT_KEYS = ['cpu', 'memory', 'tokens', 'name'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** Between two looks so near each other, one clock tick would be a whole processor. */
const SHORTEST_SECONDS = 0.2;

/** Seconds between both looks at a host; undefined where there are not two, or it was booted between. */
function spans(before: UsageReport | undefined, now: UsageReport): ReadonlyMap<string, number> {
  const earlier = new Map(before?.hosts.map(({ name, machine }) => [name, machine?.uptimeSeconds]));
  return new Map(
    now.hosts.flatMap(({ name, machine }) => {
      const seconds = (machine?.uptimeSeconds ?? Number.NaN) - (earlier.get(name) ?? Number.NaN);
      return seconds >= SHORTEST_SECONDS ? [[name, seconds] as const] : [];
    }),
  );
}

const rate = (before: number | undefined, now: number | undefined, seconds: number | undefined): number | undefined =>
  before === undefined || now === undefined || seconds === undefined
    ? undefined
    : // Who left without being waited for took its time along.
      Math.max(0, (now - before) / seconds);

/** One row an instance, under its own name. */
export function instanceRows(before: UsageReport | undefined, now: UsageReport): readonly AgentRow[] {
  const seconds = spans(before, now);
  const earlier = new Map(before?.instances.map((instance) => [instance.instance, instance]));
  return now.instances.map((instance) => {
    const last = earlier.get(instance.instance);
    // Started anew since, or moved: its times began anew too.
    const same = last?.startedAt === instance.startedAt && last?.host === instance.host ? last : undefined;
    return instanceRow(instance, rate(same?.cpuSeconds, instance.cpuSeconds, seconds.get(instance.host)));
  });
}

const instanceRow = (
  { instance, phase, activity, host, runtime, cpuSeconds: _, agent: __, startedAt: ___, ...told }: InstanceUsage,
  cpu: number | undefined,
): AgentRow => ({
  name: instance,
  phase,
  activity,
  ...(cpu !== undefined && { cpu }),
  ...told,
  places: runtime === '' ? [] : [`${host}/${runtime}`],
});

/** One row an agent: its instances together. */
export function agentRows(before: UsageReport | undefined, now: UsageReport): readonly AgentRow[] {
  const agentOf = new Map(now.instances.map(({ instance, agent }) => [instance, agent]));
  const agents = new Map<string, AgentRow>();
  for (const row of instanceRows(before, now)) {
    const name = agentOf.get(row.name) ?? row.name;
    const known = agents.get(name);
    agents.set(name, known ? together(known, row) : { ...row, name });
  }
  return [...agents.values()];
}

const together = (a: AgentRow, b: AgentRow): AgentRow => ({
  name: a.name,
  phase: a.phase === b.phase ? a.phase : 'Mixed',
  activity: a.activity === b.activity ? a.activity : 'mixed',
  ...joined('cpu', a, b, (x, y) => x + y),
  ...joined('memoryBytes', a, b, (x, y) => x + y),
  ...joined('processes', a, b, (x, y) => x + y),
  ...joined('contextUsedRatio', a, b, Math.max),
  ...joined('tokensPerMinute', a, b, (x, y) => x + y),
  ...joined('tokensToday', a, b, (x, y) => x + y),
  places: [...new Set([...a.places, ...b.places])],
});

type Figure = 'cpu' | 'memoryBytes' | 'processes' | 'contextUsedRatio' | 'tokensPerMinute' | 'tokensToday';
function joined(key: Figure, a: AgentRow, b: AgentRow, how: (x: number, y: number) => number): Partial<AgentRow> {
  const values = [a[key], b[key]].filter((value) => value !== undefined);
  return values.length === 0 ? {} : { [key]: values.reduce(how) };
}

export function hostRows(before: UsageReport | undefined, now: UsageReport): readonly HostRow[] {
  const seconds = spans(before, now);
  const earlier = new Map(before?.hosts.map((host) => [host.name, host]));
  const living = new Map<string, number>();
  for (const { host, processes } of now.instances)
    if (processes !== undefined) living.set(host, (living.get(host) ?? 0) + 1);
  return now.hosts.map(({ name, problem, machine }: HostUsage): HostRow => {
    const agents = living.get(name) ?? 0;
    if (!machine) return { name, agents, ...(problem !== undefined && { problem }) };
    const cpu = rate(earlier.get(name)?.machine?.cpuSeconds, machine.cpuSeconds, seconds.get(name));
    const { cpus, memoryBytes, memoryTotalBytes, load1m } = machine;
    return { name, cpus, ...(cpu !== undefined && { cpu }), memoryBytes, memoryTotalBytes, load1m, agents };
  });
}

/** The most first; by name among equals, and what is not known last. */
export function sorted<T extends AgentRow | HostRow>(rows: readonly T[], key: SortKey): readonly T[] {
  const figure = (row: AgentRow | HostRow): number => {
    switch (key) {
      case 'cpu':
        return row.cpu ?? -1;
      case 'memory':
        return row.memoryBytes ?? -1;
      case 'tokens':
        return 'tokensPerMinute' in row ? (row.tokensPerMinute ?? -1) : -1;
      case 'name':
        return 0;
    }
  };
  return [...rows].sort((a, b) => figure(b) - figure(a) || (a.name < b.name ? -1 : 1));
}

/**
 * Owns: how use reads: tables of agents and hosts, and one line about the whole fleet.
 * Never: computes a rate.
 */
import { table } from '../../output/table.ts';
import type { AgentRow, HostRow } from './top-rows.ts';

const NOTHING = '-';
const shown = (value: number | undefined, how: (value: number) => string): string =>
  value === undefined ? NOTHING : how(value);

/** Thousandths of a processor, as kubectl has them. */
const cores = (value: number): string => `${Math.round(value * 1000)}m`;
const percent = (ratio: number): string => `${Math.round(ratio * 100)}%`;
const MEBI = 1024 * 1024;
export const memory = (bytes: number): string =>
  bytes >= 10 * 1024 * MEBI ? `${(bytes / 1024 / MEBI).toFixed(1)}Gi` : `${Math.ceil(bytes / MEBI)}Mi`;
const count = (value: number): string =>
  value < 10_000
    ? `${Math.round(value)}`
    : value < 10_000_000
      ? `${Math.round(value / 1000)}k`
      : `${Math.round(value / 1e6)}M`;

export const agentTable = (rows: readonly AgentRow[]): string =>
  table(
    ['NAME', 'ACTIVITY', 'CPU(cores)', 'MEMORY', 'PROCESSES', 'CONTEXT', 'TOKENS/MIN', 'TOKENS-TODAY', 'PLACE'],
    rows.map((row) => [
      row.name,
      activity(row),
      shown(row.cpu, cores),
      shown(row.memoryBytes, memory),
      shown(row.processes, String),
      shown(row.contextUsedRatio, percent),
      shown(row.tokensPerMinute, count),
      shown(row.tokensToday, count),
      row.places.join(',') || NOTHING,
    ]),
  );

/** An agent that is not read, or does not run, is as its phase says. */
const activity = ({ phase, activity: doing }: AgentRow): string =>
  phase !== 'Running' || doing === 'none' ? phase : doing;

export const hostTable = (rows: readonly HostRow[]): string =>
  table(
    ['NAME', 'CPU(cores)', 'CPU%', 'MEMORY', 'MEMORY%', 'LOAD', 'AGENTS'],
    rows.map(({ name, cpu, cpus, memoryBytes, memoryTotalBytes, load1m, agents, problem }) => [
      name,
      shown(cpu, cores),
      cpu === undefined || cpus === undefined ? NOTHING : percent(cpu / cpus),
      shown(memoryBytes, memory),
      memoryBytes === undefined || memoryTotalBytes === undefined ? NOTHING : percent(memoryBytes / memoryTotalBytes),
      shown(load1m, (value) => value.toFixed(2)),
      problem === undefined ? String(agents) : NOTHING,
    ]),
  );

/** `12 agents, 3 working; CPU 1.2 of 2, memory 3400Mi of 7.8Gi; 12k tokens/min`. */
export function headline(agents: readonly AgentRow[], hosts: readonly HostRow[]): string {
  const sum = (values: readonly (number | undefined)[]): number | undefined => {
    const known = values.filter((value) => value !== undefined);
    return known.length === 0 ? undefined : known.reduce((a, b) => a + b);
  };
  const working = agents.filter((row) => row.activity === 'working').length;
  const cpu = shown(sum(hosts.map((row) => row.cpu)), (value) => value.toFixed(1));
  const used = shown(sum(hosts.map(({ memoryBytes }) => memoryBytes)), memory);
  const total = shown(sum(hosts.map(({ memoryTotalBytes }) => memoryTotalBytes)), memory);
  const tokens = sum(agents.map(({ tokensPerMinute }) => tokensPerMinute));
  return [
    `${agents.length} ${agents.length === 1 ? 'agent' : 'agents'}, ${working} working`,
    `CPU ${cpu} of ${shown(sum(hosts.map(({ cpus }) => cpus)), String)}, memory ${used} of ${total}`,
    ...(tokens === undefined ? [] : [`${count(tokens)} tokens/min`]),
  ].join('; ');
}

/**
 * Owns: where each instance of an agent is to live: which hosts it may have, which of them it gets, in which runtime.
 * It stays where it was, unless that is drained, or lost for so long that its lease there has run out.
 * Never: looks at hosts; what is known of them is passed in.
 */
import type { AgentSpec, RuntimeKind } from '../../api/resources/agent/agent.ts';
import { type HostName, LOCAL_HOST } from '../../api/resources/names.ts';
import { parseLabelSelector } from '../../api/resources/selectors.ts';
import { type DurationMs, durationMs } from '../../api/resources/time.ts';
import type { DesiredInstance, LastPlace, Place } from './desired-instance.ts';

/** What planning may know of a host. */
export interface HostFacts {
  /** Empty while it was never reached. */
  readonly runtimes: ReadonlyMap<
    RuntimeKind,
    { readonly available: boolean; readonly detail: string /** Absent: no. */; readonly screen?: boolean }
  >;
  /** Why it was never reached since this controller began; absent: it was. */
  readonly unreached?: string;
  /** The first try to reach it is under way: nothing is known of it yet. */
  readonly connecting?: boolean;
  /** How long its agents have gone without a renewed lease; absent: it is renewed. */
  readonly lostForMs?: DurationMs;
  readonly labels?: Readonly<Record<string, string>>;
  readonly cordoned?: boolean;
  /** now: not even idle is waited for. */
  readonly drain?: boolean | 'now';
  readonly maxAgents?: number;
  /** Instances that are placed there now; counted when it is asked for. */
  readonly load?: () => number;
  /** Folders there; absent: as on this machine. */
  readonly workspaces?: string;
  readonly userHome?: string;
}

export type Hosts = ReadonlyMap<HostName, HostFacts>;

export interface Slot {
  readonly name: string;
  /** In order of preference. */
  readonly hosts: readonly HostName[];
  /** No order: whichever has most room. */
  readonly spread?: true;
}

/** A lease is renewed by the controller; an agent that was not renewed for so long stops itself. */
export const LEASE_MS: DurationMs = 20_000;
/** From the end of a lease until what it held is surely gone: the loop's own pace, the kill, and clocks. */
const LEASE_MARGIN_MS: DurationMs = 10_000;
/** So long after its last renewal nothing that a lease held lives any more. */
export const LEASE_OVER_MS: DurationMs = LEASE_MS + LEASE_MARGIN_MS;

/** What a host without maxAgents counts as, next to one that has it. */
const UNLIMITED = 100;

const asHost = (name: string): HostName => name as HostName;
/** Order of preference of `runtime: auto`. */
const AUTO: readonly RuntimeKind[] = ['tmux', 'process'];

/** Names of the instances an agent has: its own, then <agent>-1, <agent>-2, ...; or <agent>-<host> with `hosts`. */
export function instanceSlots(name: string, spec: AgentSpec, known: Hosts): readonly Slot[] {
  const { host, hosts, hostSelector } = spec.place;
  if (hosts) {
    const wanted = hosts === 'all' ? [...known.keys()] : hosts.map(asHost);
    return wanted.map((one) => ({ name: name.endsWith(`-${one}`) ? name : `${name}-${one}`, hosts: [one] }));
  }
  const named = (ordinal: number) => (ordinal === 0 ? name : `${name}-${ordinal}`);
  const many = Array.from({ length: spec.replicas }, (_, ordinal) => named(ordinal));
  if (hostSelector !== undefined) {
    const selects = parseLabelSelector(hostSelector);
    const matching = [...known].filter(([one, { labels = {} }]) => one !== LOCAL_HOST && selects(labels));
    return many.map((slot) => ({ name: slot, hosts: matching.map(([one]) => one).sort(), spread: true }));
  }
  const preferred = host === undefined ? [LOCAL_HOST] : Array.isArray(host) ? host.map(asHost) : [asHost(host)];
  return many.map((slot) => ({ name: slot, hosts: preferred }));
}

export type Choice = Pick<
  DesiredInstance,
  'place' | 'unplaced' | 'placeNote' | 'forsaken' | 'leaseMs' | 'moveWhenIdle' | 'hold'
>;

/**
 * `taken`: how many this plan has given to each host already. `forgotForMs`: where agents lived was lost with the database, and
 * this controller has run for so long; absent: it is known.
 */
export function choosePlace(
  spec: AgentSpec,
  slot: Slot,
  hosts: Hosts,
  before: LastPlace | undefined,
  taken: Map<HostName, number>,
  forgotForMs?: DurationMs,
): Choice {
  const { failoverAfter } = spec.place;
  const doubt =
    before || forgotForMs === undefined ? [] : mayLiveOn(slot, hosts, failoverAfter !== undefined, forgotForMs);
  // What is found alive elsewhere is it, however it was launched.
  if (doubt.length > 0) return { unplaced: doubtful(doubt, failoverAfter !== undefined), hold: true };
  // The controller lives on this machine: what lives here is never out of its sight.
  const leaseOn = (host: HostName) => (failoverAfter === undefined || host === LOCAL_HOST ? {} : { leaseMs: LEASE_MS });
  const home: Place | undefined =
    before && slot.hosts.includes(before.host) ? { host: before.host, runtime: before.runtime } : undefined;
  const there = home && hosts.get(home.host);
  const isLost =
    failoverAfter !== undefined &&
    // What was launched without a lease may live there for as long as nobody can look.
    before?.leased === true &&
    (there?.lostForMs ?? 0) > Math.max(durationMs(failoverAfter), LEASE_OVER_MS);
  const refusals: string[] = [];
  const take = (host: HostName, goesBack = false): Choice | undefined => {
    const tried = onHost(
      spec,
      host,
      hosts.get(host),
      home?.host === host ? home : undefined,
      taken.get(host) ?? 0,
      hosts,
    );
    if (typeof tried !== 'string') {
      if (home?.host !== host) taken.set(host, (taken.get(host) ?? 0) + 1);
      const moves = home !== undefined && home.host !== host;
      return {
        ...tried,
        ...leaseOn(host),
        ...(isLost && moves && { forsaken: home }),
        ...(!isLost && moves && leavesWhenIdle(there, goesBack) && { moveWhenIdle: true as const }),
      };
    }
    refusals.push(tried);
    return undefined;
  };
  if (home && spec.place.failback === 'ready' && !slot.spread)
    for (const host of slot.hosts.slice(0, slot.hosts.indexOf(home.host))) {
      const preferred = take(host, true);
      if (preferred) return preferred;
    }
  const stays = home && !isLost && !there?.drain ? take(home.host) : undefined;
  if (stays) return stays;
  const filled = (host: HostName): number => {
    const { maxAgents = UNLIMITED, load } = hosts.get(host) ?? {};
    return ((load?.() ?? 0) + (taken.get(host) ?? 0)) / Math.max(1, maxAgents);
  };
  const others = slot.hosts.filter((host) => host !== home?.host);
  const order = slot.spread ? others.toSorted((a, b) => filled(a) - filled(b) || (a < b ? -1 : 1)) : others;
  for (const host of order) {
    const choice = take(host);
    if (choice) return choice;
    // In a moment it may be the one that is preferred; what lives stays so long where it is.
    if (!slot.spread && hosts.get(host)?.connecting) break;
  }
  // Nowhere else to go: it stays, drained or not.
  const again = home && take(home.host);
  if (again) return again;
  return {
    unplaced:
      slot.hosts.length === 0
        ? `no host has the labels "${spec.place.hostSelector}".`
        : `${[...new Set(refusals)].join('; ')}.`,
  };
}

/** Nobody is in a hurry: it may finish what it does. */
const leavesWhenIdle = (there: HostFacts | undefined, goesBack: boolean): boolean =>
  there?.drain === true || (goesBack && there?.drain !== 'now');

/** Hosts on which, for all we know, it still lives, and which cannot tell: started elsewhere now, it might run twice. */
function mayLiveOn({ hosts }: Slot, known: Hosts, leased: boolean, forgotForMs: DurationMs): readonly HostName[] {
  // On one host alone there is no second.
  if (hosts.length < 2 || (leased && forgotForMs > LEASE_OVER_MS)) return [];
  return hosts.filter((host) => {
    const found = known.get(host);
    return found === undefined || found.unreached !== undefined;
  });
}

const doubtful = (hosts: readonly HostName[], leased: boolean): string =>
  `the database was lost, and it may still live on ${hosts.join(', ')}, which ${hosts.length === 1 ? 'was' : 'were'} not reached since; it waits for ${
    leased
      ? 'an answer, or for the leases there to run out'
      : 'an answer (a Host that is gone for good: take it out of the manifest)'
  }.`;

/** The place on this host, or why not. */
function onHost(
  spec: AgentSpec,
  host: HostName,
  found: HostFacts | undefined,
  before: Place | undefined,
  taken: number,
  hosts: Hosts,
): Choice | string {
  if (!found) return `host "${host}" is not declared (there are: ${[...hosts.keys()].join(', ')})`;
  if (found.connecting && !before) return `host "${host}" is being connected`;
  if (found.unreached !== undefined)
    return before ? { place: before } : `host "${host}" cannot be reached: ${found.unreached}`;
  if (!before) {
    if (found.cordoned || found.drain) return `host "${host}" is cordoned`;
    if (found.lostForMs !== undefined) return `host "${host}" cannot be reached`;
    if (found.maxAgents !== undefined && (found.load?.() ?? 0) + taken >= found.maxAgents)
      return `host "${host}" is full (maxAgents ${found.maxAgents})`;
  }
  const has = (runtime: RuntimeKind) => found.runtimes.get(runtime)?.available === true;
  const asked = spec.place.runtime;
  if (asked !== 'auto')
    return has(asked)
      ? { place: { host, runtime: asked } }
      : `${asked} cannot be used on ${host}: ${found.runtimes.get(asked)?.detail ?? 'not supported'}`;
  const runtime = before && has(before.runtime) ? before.runtime : AUTO.find(has);
  if (!runtime) return `no runtime can be used on ${host}`;
  const missing = AUTO.slice(0, AUTO.indexOf(runtime)).filter((better) => !has(better));
  const note = missing.map(
    (better) =>
      `${better} cannot be used on ${host} (${found.runtimes.get(better)?.detail ?? 'not supported'}); fell back to ${runtime}`,
  );
  return { place: { host, runtime }, ...(note.length > 0 && { placeNote: `${note.join('; ')}.` }) };
}

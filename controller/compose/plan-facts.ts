/**
 * Owns: what plans are made from: hosts, reservations, the environment, gathered anew after each change; and for how long
 * it is not known where agents of a fleet whose database was lost live.
 * Never: plans.
 */
import { PROFILES } from '../../adapters/profiles/profiles.ts';
import { readAccount } from '../../api/accounts.ts';
import type { Home } from '../../api/home.ts';
import { reservationStatusOf } from '../../api/resources/kinds/reservation.ts';
import { type FleetId, type HostName, instanceId } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import { hostFacts, isAllKnown } from '../places/host-facts.ts';
import type { Machines } from '../places/machines.ts';
import { LEASE_OVER_MS } from '../plan/placement.ts';
import type { PlanFacts } from '../plan/plan-instances.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import type { Database } from '../store/database.ts';
import type { Store } from '../store/store.ts';
import { launchOf } from './profiles.ts';

export interface PlanFactsParts {
  readonly fleet: FleetId;
  readonly home: Home;
  readonly userHome: string;
  readonly env: NodeJS.ProcessEnv;
  readonly store: Store;
  readonly machines: Machines;
  readonly database: Database;
  /** In a home that had a fleet before: where its agents live was known, and is not any more. */
  readonly forgot: boolean;
  readonly startedAt: Instant;
  readonly timers: Timers;
  readonly plannedOn: Parameters<typeof hostFacts>[1];
  readonly replan: () => void;
}

export interface CurrentFacts {
  readonly now: () => PlanFacts;
  /** What was gathered is out of date. */
  readonly change: () => void;
}

export function createPlanFacts(parts: PlanFactsParts): CurrentFacts {
  const { fleet, home, userHome, env, store, machines, database, startedAt, timers, plannedOn } = parts;
  let { forgot } = parts;
  const rememberWhenKnown = () => {
    // Not sooner: hosts are declared one after the other when a controller begins.
    if (!forgot || timers.now() - startedAt < LEASE_OVER_MS || !isAllKnown(machines.list(), store)) return;
    forgot = false;
    database.remember();
  };
  const gather = (): PlanFacts => ({
    fleet,
    workspaces: home.workspaces,
    userHome,
    environment: (name) => (Object.hasOwn(env, name) ? env[name] : undefined),
    allowedHostPaths: (env['SAC_ALLOW_HOST_PATHS'] ?? '').split(':').filter((path) => path.startsWith('/')),
    reservations: new Map(
      store.objects('Reservation').map(({ record }) => {
        const { jobId, conditions } = reservationStatusOf(record.status);
        const detail = conditions[0]?.message ?? 'its allocation is about to be asked for.';
        return [
          record.name,
          { host: record.spec.host as HostName, detail, ...(jobId !== undefined && { job: jobId }) },
        ];
      }),
    ),
    ...(forgot && { forgotForMs: timers.now() - startedAt }),
    hosts: hostFacts(machines.list(), plannedOn, timers.now(), startedAt),
    launch: (name, spec) => launchOf(PROFILES[name], spec, (account) => readAccount(home.accounts, account)),
    placedAt(name) {
      const { place, leased = false } = store.instance(instanceId(fleet, name))?.record.snapshot.memory ?? {};
      return place && { ...place, leased };
    },
  });
  let facts: PlanFacts | undefined;
  const change = () => {
    facts = undefined;
    rememberWhenKnown();
  };
  if (forgot)
    timers.after(LEASE_OVER_MS + 1_000, () => {
      change();
      parts.replan();
    });
  return {
    now: () => {
      facts ??= gather();
      return facts;
    },
    change,
  };
}

/**
 * Owns: the loops beside the reconciler, one a kind: git sources, reservations, budgets, notifiers; begun and ended together.
 * Never: does what one of them does.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Transport } from '../../adapters/transport/transport.ts';
import type { Home } from '../../api/home.ts';
import type { FleetId, HostName } from '../../api/resources/names.ts';
import { Budgets } from '../budgets/budgets.ts';
import { ThreadReader } from '../desired/git/reading/thread-reader.ts';
import { extraProtocols, GitCommand } from '../desired/git/repository/command.ts';
import { LIMITS, Repository } from '../desired/git/repository/repository.ts';
import { fleetOf } from '../desired/git/running/fleet-of.ts';
import { GitSources, type GitSourcesOptions } from '../desired/git/running/git-sources.ts';
import { deliver, unreadable } from '../notices/deliver.ts';
import { Notifiers } from '../notices/notifiers.ts';
import type { Machine, Machines } from '../places/machines.ts';
import { canonicalJson } from '../plan/launch-hash.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import { Reservations } from '../reservations/reservations.ts';
import type { Store } from '../store/store.ts';
import { tenantsOf } from './needed-by.ts';

export interface LoopsParts {
  readonly store: Store;
  readonly writesOver: Parameters<typeof fleetOf>[1];
  readonly machines: Machines;
  readonly transport: Transport;
  readonly fleet: FleetId;
  readonly home: Home;
  readonly env: NodeJS.ProcessEnv;
  readonly timers: Timers;
  readonly random: () => number;
  /** Program of the thread that reads large commits; absent: they are read here. */
  readonly readingThread?: URL;
  /** There are other places than before, or they have become usable. */
  readonly onPlacesChange: () => void;
  readonly observe: GitSourcesOptions['observe'];
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

export interface Loops extends AsyncDisposable {
  readonly gitSources: GitSources;
  readonly start: () => void;
}

export function createLoops(parts: LoopsParts): Loops {
  const { store, writesOver, machines, transport, fleet, home, env, timers, random, log } = parts;
  const reservations = new Reservations({
    store,
    handsOf(host) {
      const machine = machines.get(host);
      const found = machine?.reached?.places.find(({ place }) => place.runtime === 'slurm-tenant');
      const { pools } = found?.runtime ?? {};
      return found && pools ? { pools, transport: found.transport } : whyNoPools(host, machine);
    },
    // A name of the server or a time to renew it is no other allocation, but for the first it is another server.
    hashOf: ({ persistent: _, renewBefore: __, host: ___, ...asked }) =>
      createHash('sha256').update(canonicalJson(asked)).digest('hex').slice(0, 8),
    tenantsOf: (name) => tenantsOf(store, name),
    timers,
    onChange: parts.onPlacesChange,
    canonical: canonicalJson,
    log,
  });
  const git = new GitCommand({
    transport,
    path: env['PATH'] ?? '/usr/bin:/bin',
    extraProtocols: extraProtocols(env['SAC_GIT_ALLOW']),
  });
  const secrets = { env, secretsDir: home.secrets };
  const far = parts.readingThread && new ThreadReader(parts.readingThread, timers);
  const gitSources = new GitSources({
    store,
    fleet: fleetOf(store, writesOver),
    repositoryOf: (name, spec) => new Repository(spec, { git, dir: join(home.git, name), secrets, limits: LIMITS }),
    secrets,
    ...(far && { far }),
    timers,
    random,
    canonical: canonicalJson,
    observe: parts.observe,
    log,
  });
  const notifiers = new Notifiers({
    store,
    timers,
    fleet,
    random,
    canonical: canonicalJson,
    digest: (text) => createHash('sha256').update(text).digest('hex').slice(0, 32),
    deliver: (message, spec) => deliver(message, spec, { transport, secrets }),
    unreadable: (spec) => unreadable(spec, secrets),
    log,
  });
  const budgets = new Budgets({ store, timers, canonical: canonicalJson, log });
  return {
    gitSources,
    start() {
      gitSources.start();
      budgets.start();
      reservations.start();
      notifiers.start();
    },
    async [Symbol.asyncDispose]() {
      await gitSources[Symbol.asyncDispose]();
      await far?.[Symbol.asyncDispose]();
      await budgets[Symbol.asyncDispose]();
      await reservations[Symbol.asyncDispose]();
      await notifiers[Symbol.asyncDispose]();
    },
  };
}

function whyNoPools(host: HostName, machine: Machine | undefined): string {
  if (!machine) return `host "${host}" is not declared; apply a Host of that name, or change spec.host`;
  const { reached, problem = 'it was not looked at yet' } = machine;
  return reached
    ? `slurm-tenant cannot be used on ${host}: ${reached.missing.get('slurm-tenant') ?? 'not supported'}`
    : `host "${host}" cannot be reached: ${problem}`;
}

/**
 * Owns: the composition root: the only file that names concrete adapters, the store and the server, and joins them.
 * Never: decides anything about an agent.
 */

import { createHash, randomBytes, randomInt } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statfsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import pino from 'pino';
import { PROFILES } from '../adapters/profiles/profiles.ts';
import { createRuntimes } from '../adapters/registry.ts';
import { clearUnfinished } from '../adapters/transport/local/files.ts';
import { createLocalTransport } from '../adapters/transport/local/local-transport.ts';
import { defaultAgentsDirs, type Home, homeFrom } from '../api/home.ts';
import { readAgentsDir } from '../api/manifests/files.ts';
import type { AgentSpec } from '../api/resources/agent/agent.ts';
import { SacError } from '../api/resources/errors.ts';
import { OBJECT_KIND_NAMES, type ObjectKind } from '../api/resources/kinds/kinds.ts';
import { reservationStatusOf } from '../api/resources/kinds/reservation.ts';
import { type HostName, instanceId } from '../api/resources/names.ts';
import { isoTime } from '../api/resources/time.ts';
import { assertPrivate, createServer } from '../api/server/server.ts';
import { VERSION } from '../api/version.ts';
import { createReads, createTerminals, hosts } from './api-ports.ts';
import { Budgets } from './budgets/budgets.ts';
import { checkDeclaredHost, connectHost } from './compose/hosts.ts';
import { neededBy, tenantsOf } from './compose/needed-by.ts';
import { createTelling, launchOf } from './compose/profiles.ts';
import { createUsage } from './compose/usage.ts';
import { Controller } from './controller.ts';
import { Drafts } from './desired/agent-drafts.ts';
import { StoredAgentWrites } from './desired/agent-writes.ts';
import { DirectorySource, needsPolling } from './desired/directory-source.ts';
import { extraProtocols, GitCommand } from './desired/git/repository/command.ts';
import { LIMITS, Repository } from './desired/git/repository/repository.ts';
import { fleetOf } from './desired/git/running/fleet-of.ts';
import { GitSources } from './desired/git/running/git-sources.ts';
import { statusOf } from './desired/git/running/source-loop.ts';
import { StoredObjectWrites } from './desired/object-writes.ts';
import { joinWrites } from './desired/resource-writes.ts';
import { StoredRolloutWrites } from './desired/rollout-writes.ts';
import { type Flags, parseFlags } from './flags.ts';
import { fleetIdOf } from './fleet-id.ts';
import { agentStatus, instanceStatus } from './machine/status/status.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { deliver } from './notices/deliver.ts';
import { Notifiers, statusOf as notifierStatus } from './notices/notifiers.ts';
import { HostConditions } from './places/host-conditions.ts';
import { hostFacts, isAllKnown } from './places/host-facts.ts';
import { Machines } from './places/machines.ts';
import { canonicalJson } from './plan/launch-hash.ts';
import { instanceSlots, LEASE_OVER_MS } from './plan/placement.ts';
import { type PlanFacts, planAgent } from './plan/plan-instances.ts';
import { createRunHook } from './reconcile/hooks.ts';
import { Typist } from './reconcile/typist.ts';
import type { Timers } from './reconcile/work-queue.ts';
import { Reservations } from './reservations/reservations.ts';
import { Database } from './store/database.ts';
import { holdHome } from './store/lock.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import type { AgentRecord, Store } from './store/store.ts';
import { auditTo, openTokens } from './store/tokens.ts';
import { WorkspaceSyncer } from './workspace/syncer.ts';

const PLACE_TIMEOUT_MS = 10_000;
const HEARTBEAT_MS = 5_000;
/** A removed socket is back before a CLI, which waits 5 s for a controller that holds the home, gives up. */
const DOOR_LOOK_MS = 1_000;
/** A stop that takes longer than this is cut short: everything that matters is saved already. */
const STOP_DEADLINE_MS = 10_000;

const realTimers: Timers = {
  now: () => Date.now(),
  after(delayMs, run) {
    // setTimeout fires at once for more than 2^31-1 ms.
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), 2_147_483_647)).unref();
    return () => clearTimeout(timer);
  },
};

async function main(): Promise<void> {
  process.umask(0o077);
  const flags = parseFlags(process.argv.slice(2));
  const home = homeFrom(process.env);
  prepareFolders(home);
  const log = pino(
    { level: process.env['SAC_LOG_LEVEL'] ?? 'info', base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 1, sync: true }),
  );
  const say = (message: string, fields: Record<string, unknown>) => log.info(fields, message);
  await run(flags, home, say);
}

function prepareFolders(home: Home): void {
  for (const folder of home.folders) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    assertPrivate(folder);
  }
}

async function run(
  flags: Flags,
  home: Home,
  log: (message: string, fields: Record<string, unknown>) => void,
): Promise<void> {
  const now = Date.now;
  const startedAt = now();
  const lock = holdHome({
    path: home.lock,
    database: home.db,
    home: home.root,
    pid: process.pid,
    now: startedAt,
    takeover: flags.takeover,
  });
  const isOldHome = existsSync(home.fleetFile);
  const fleet = fleetIdOf(home);
  const database = await Database.open(
    home.db,
    (movedTo, why) =>
      log('the database could not be read; it was moved aside and begun anew. Agents are adopted as they are found', {
        movedTo,
        why,
      }),
    now,
  );
  database.takeOver(now());
  // In a home that had a fleet before: where its agents live was known, and is not any more.
  let forgot = database.forgot(isOldHome);
  if (forgot)
    realTimers.after(LEASE_OVER_MS + 1_000, () => {
      facts = undefined;
      rememberWhenKnown();
      controller.replan();
    });
  const rememberWhenKnown = () => {
    // Not sooner: hosts are declared one after the other when a controller begins.
    if (!forgot || now() - startedAt < LEASE_OVER_MS || !isAllKnown(machines.list(), store)) return;
    forgot = false;
    database.remember();
  };
  const store = await openSqliteStore({ database, fleet, clock: { now }, status: { agentStatus, instanceStatus } });
  const tokens = await openTokens(database);

  await clearUnfinished([home.run, home.logs]);
  const transport = createLocalTransport(process.env);
  const runtimes = createRuntimes({
    fleet,
    dirs: { run: home.run, logs: home.logs },
    now,
    timeoutMs: PLACE_TIMEOUT_MS,
  });
  const userHome = process.env['HOME'] ?? homedir();
  const machines = new Machines({
    fleet,
    local: { transport, runtimes, workspaces: home.workspaces, userHome, lease: `${home.run}/lease` },
    connect: (host) => connectHost(host, userHome),
    createRuntimes,
    timers: realTimers,
    timeoutMs: PLACE_TIMEOUT_MS,
    onChange: ({ added, gone, back }) => {
      facts = undefined;
      rememberWhenKnown();
      void controller.changePlaces(added, gone, back);
    },
    log,
  });
  const places = await machines.reachLocal();

  let facts: PlanFacts | undefined;
  const factsNow = (): PlanFacts => {
    facts ??= makeFacts();
    return facts;
  };
  const makeFacts = (): PlanFacts => ({
    fleet,
    workspaces: home.workspaces,
    userHome,
    environment: (name) => (Object.hasOwn(process.env, name) ? process.env[name] : undefined),
    allowedHostPaths: (process.env['SAC_ALLOW_HOST_PATHS'] ?? '').split(':').filter((path) => path.startsWith('/')),
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
    ...(forgot && { forgotForMs: now() - startedAt }),
    hosts: hostFacts(machines.list(), (host) => controller.plannedOn(host), now(), startedAt),
    launch: (name, spec) => launchOf(PROFILES[name], spec),
    placedAt(name) {
      const { place, leased = false } = store.instance(instanceId(fleet, name))?.record.snapshot.memory ?? {};
      return place && { ...place, leased };
    },
  });

  const { promise: ended, resolve: end } = withResolvers<{
    readonly code: number;
    readonly why: string;
    readonly fenced?: boolean;
  }>();
  let metrics: Metrics | undefined;
  const metricsNow = (): Metrics => {
    if (!metrics) throw new Error('metrics are made before the first reconciliation');
    return metrics;
  };
  const typist = new Typist(realTimers);
  const telling = createTelling({
    timers: realTimers,
    remote(host) {
      const machine = machines.get(host);
      const there = machine?.problem === undefined && machine?.reached ? machines.transportOf(host) : undefined;
      return there && { transport: there, hooksDir: `${dirname(machines.leaseFile(host))}/hooks` };
    },
    store,
    local: transport,
    hooksDir: home.hooks,
    userHome,
    workspaceOf: (id) => controller.workspaceOf(id),
    onHint: (name) => controller.lookAgain(instanceId(fleet, name)),
    log,
  });
  const files = new WorkspaceSyncer({
    now,
    tell: ({ agent, name }, events) => {
      if (events.length === 0) return;
      const regarding = { kind: 'Agent' as const, name: agent, instance: name };
      store
        .commit(
          [],
          events.map((event) => ({ ...event, at: now(), regarding })),
        )
        .catch(() => undefined);
    },
  });
  const controller = new Controller({
    typist,
    files,
    factsOf: telling.factsOf,
    beforeStart: telling.beforeStart,
    envAtStart: telling.envAtStart,
    store,
    places,
    timers: realTimers,
    readScreen: (profile, screen) => PROFILES[profile].read(screen),
    facts: factsNow,
    leaseFile: (host) => machines.leaseFile(host),
    runHook: createRunHook(({ agent, point }, problem) => {
      log('hook failed', { agent, point, problem });
      store
        .commit(
          [],
          [
            {
              type: 'Warning',
              reason: 'HookFailed',
              message: `Hook ${point} ${problem}`,
              at: now(),
              regarding: { kind: 'Agent', name: agent },
            },
          ],
        )
        .catch(() => undefined);
    }),
    metrics: metricsNow,
    resyncMs: flags.resyncMs,
    random: () => randomInt(1_000_000) / 1_000_000,
    onFenced: () => end({ code: 1, why: 'another controller has taken over', fenced: true }),
    onResync: async () => {
      for (const source of sources) await source.resync();
    },
    log,
  });
  metrics = createMetrics({
    startedAt,
    notifiers: () =>
      store.objects('Notifier').map(({ record }) => ({ name: record.name, status: notifierStatus(record) })),
    budgets: () => store.objects('Budget').map(({ record }) => record),
    sources: () => store.objects('GitSource').map(({ record }) => ({ name: record.name, ...statusOf(record) })),
    agents: () => store.viewAgents(),
    orphans: () => controller.orphans().length,
    places: () =>
      [...controller.observer.views].map(({ place, unknown, lastListedAt }) => ({
        host: place.host,
        runtime: place.runtime,
        up: unknown === undefined,
        lastListedSeconds: lastListedAt === undefined ? undefined : lastListedAt / 1000,
      })),
  });

  const agentWriteOptions = {
    clock: { now },
    instanceNames: (name: string, spec: AgentSpec) =>
      instanceSlots(name, spec, factsNow().hosts).map((slot) => slot.name),
    launchKey: ({ name, labels, spec, files }: Pick<AgentRecord, 'name' | 'labels' | 'spec' | 'files'>) =>
      planAgent({ name, labels, generation: 0, spec, ...(files && { files }) }, factsNow())
        .map(({ launchHash }) => launchHash)
        .join(' '),
    canonical: canonicalJson,
    drafts: new Drafts(),
  };
  const objectWriteOptions = {
    clock: { now },
    canonical: canonicalJson,
    neededBy: (kind: ObjectKind, name: string) => neededBy(store, kind, name),
  };
  const writesOver = (over: Store) =>
    joinWrites(
      new StoredAgentWrites({ ...agentWriteOptions, store: over }),
      new StoredObjectWrites({ ...objectWriteOptions, store: over }),
    );
  const writes = writesOver(store);
  const reservations = new Reservations({
    store,
    handsOf(host) {
      const found = machines.get(host)?.reached?.places.find(({ place }) => place.runtime === 'slurm-tenant');
      const { pools } = found?.runtime ?? {};
      return found && pools ? { pools, transport: found.transport } : undefined;
    },
    // A name of the server or a time to renew it is no other allocation, but for the first it is another server.
    hashOf: ({ persistent: _, renewBefore: __, host: ___, ...asked }) =>
      createHash('sha256').update(canonicalJson(asked)).digest('hex').slice(0, 8),
    tenantsOf: (name) => tenantsOf(store, name),
    timers: realTimers,
    onChange: () => {
      facts = undefined;
      controller.replan();
    },
    canonical: canonicalJson,
    log,
  });
  const git = new GitCommand({
    transport,
    path: process.env['PATH'] ?? '/usr/bin:/bin',
    extraProtocols: extraProtocols(process.env['SAC_GIT_ALLOW']),
  });
  const secrets = { env: process.env, secretsDir: home.secrets };
  const gitSources = new GitSources({
    store,
    fleet: fleetOf(store, writesOver),
    repositoryOf: (name, spec) => new Repository(spec, { git, dir: join(home.git, name), secrets, limits: LIMITS }),
    secrets,
    timers: realTimers,
    random: () => randomInt(1_000_000) / 1_000_000,
    canonical: canonicalJson,
    observe: (source, result, seconds) => metricsNow().sourceSynced(source, result, seconds),
    log,
  });
  const notifiers = new Notifiers({
    store,
    timers: realTimers,
    fleet,
    random: () => randomInt(1_000_000) / 1_000_000,
    canonical: canonicalJson,
    digest: (text) => createHash('sha256').update(text).digest('hex').slice(0, 32),
    deliver: (message, spec) =>
      deliver(message, spec, { transport, secrets: { env: process.env, secretsDir: home.secrets } }),
    log,
  });
  const budgets = new Budgets({ store, timers: realTimers, canonical: canonicalJson, log });
  const sources = (flags.agentsDirs ?? defaultAgentsDirs(process.cwd(), process.env)).map(
    (dir) =>
      new DirectorySource({
        dir,
        writes,
        read: readAgentsDir,
        timers: realTimers,
        polling: process.env['SAC_POLL'] === '1' || isSilent(dir),
        records: () => [...store.agents()].map(({ record }) => record),
        objects: () => OBJECT_KIND_NAMES.flatMap((kind) => store.objects(kind).map(({ record }) => record)),
        log,
      }),
  );

  const ports = {
    store,
    controller,
    fleet,
    machines,
    startedAt,
    typist,
    factsOf: telling.factsOf,
    facts: factsNow,
    now,
    workspaceOf: (record: { readonly agent: string; readonly name: string }) => {
      const agent = store.agent(record.agent)?.record;
      return agent && planAgent(agent, factsNow()).find(({ name }) => name === record.name)?.launch.cwd;
    },
  };
  const hostConditions = new HostConditions({ store, hosts: () => hosts(ports), timers: realTimers, log });
  const usage = createUsage({ store, controller, machines, fleet, timers: realTimers, timeoutMs: PLACE_TIMEOUT_MS });
  let listening: { readonly socket: string; readonly listen: string | null } = { socket: home.socket, listen: null };
  const server = createServer(
    {
      reads: createReads(ports),
      writes,
      rollouts: new StoredRolloutWrites({ ...agentWriteOptions, store }),
      sources: gitSources,
      usage,
      hosts: { check: (name) => checkDeclaredHost(machines, name, PLACE_TIMEOUT_MS) },
      terminals: createTerminals(ports),
      tokens,
      controller: {
        status: () => ({
          pid: process.pid,
          version: VERSION,
          home: home.root,
          fleet,
          socket: listening.socket,
          listen: listening.listen,
          agentsDirs: sources.map(({ dir }) => dir),
          startedAt: isoTime(startedAt),
          agents: [...store.agents()].length,
          manifestErrors: sources.flatMap(({ problems }) => problems),
        }),
        ready: () =>
          controller.synced
            ? { ok: true, detail: 'ok' }
            : { ok: false, detail: 'places are being listed for the first time' },
        metrics: async () => ({
          contentType: metricsNow().registry.contentType,
          body: await metricsNow().registry.metrics(),
        }),
        stop: () => end({ code: 0, why: 'asked to by the API' }),
      },
      audit: auditTo(home.audit, (error) => log('audit log could not be written', { error: String(error) })),
      clock: { now },
      randomBytes,
    },
    {
      socket: home.socket,
      replaceSocket: lock.tookOver,
      log,
      ...(flags.listen && {
        listen: {
          ...flags.listen,
          ...(flags.tls && {
            tls: { cert: readFileSync(flags.tls.cert, 'utf8'), key: readFileSync(flags.tls.key, 'utf8') },
          }),
        },
      }),
    },
  );
  listening = await server.start();
  chmodSync(home.socket, 0o600);
  const declareHosts = () => machines.declare(store.objects('Host').map(({ record }) => record));
  const hostWatch = store.watch(store.version, ({ object }) => {
    if (object.kind === 'Host') void declareHosts();
  });
  // What lives on hosts is known once they were asked; one that does not answer keeps nobody waiting.
  void declareHosts();
  await controller.start();
  for (const source of sources) await source.start();
  gitSources.start();
  budgets.start();
  reservations.start();
  notifiers.start();
  hostConditions.start();

  const beat = () => {
    try {
      database.heartbeat(now());
      lock.secure();
      // Only who was not replaced may take the path.
      server.mend();
    } catch (error) {
      if (error instanceof SacError) end({ code: 1, why: error.message, fenced: true });
      else log('heartbeat failed', { error: String(error) });
    }
  };
  const heartbeat = setInterval(beat, HEARTBEAT_MS);
  const doorLook = setInterval(() => {
    if (!existsSync(home.socket)) beat();
  }, DOOR_LOOK_MS);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => end({ code: 0, why: signal }));
  log('controller runs', {
    pid: process.pid,
    version: VERSION,
    home: home.root,
    fleet,
    ...listening,
    agentsDirs: sources.map(({ dir }) => dir),
    places: places.map(({ place }) => place.runtime),
  });

  const { code, why, fenced = false } = await ended;
  log('controller stops; agents stay as they are', { why });
  // Everything here, the socket's path too, belongs to the successor now: closing would take it away from it.
  if (fenced) process.exit(code);
  setTimeout(() => process.exit(code), STOP_DEADLINE_MS).unref();
  clearInterval(heartbeat);
  clearInterval(doorLook);
  await Promise.all(sources.map((source) => source[Symbol.asyncDispose]()));
  await gitSources[Symbol.asyncDispose]();
  await budgets[Symbol.asyncDispose]();
  await reservations[Symbol.asyncDispose]();
  await notifiers[Symbol.asyncDispose]();
  await hostConditions[Symbol.asyncDispose]();
  hostWatch[Symbol.dispose]();
  usage[Symbol.dispose]();
  await controller.stop();
  telling[Symbol.dispose]();
  await machines[Symbol.asyncDispose]();
  await server.close();
  for (const runtime of runtimes) await runtime[Symbol.asyncDispose]();
  await transport[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  lock[Symbol.dispose]();
  process.exit(code);
}

function isSilent(dir: string): boolean {
  try {
    return needsPolling(statfsSync(dir).type);
  } catch {
    return false;
  }
}

function withResolvers<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((accept) => {
    resolve = accept;
  });
  return { promise, resolve };
}

main().catch((error: unknown) => {
  // Known failures are for people: one line. Anything else is a bug and shows where.
  process.stderr.write(
    `sac controller: ${error instanceof SacError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(error instanceof SacError ? error.exitCode : 1);
});

/**
 * Owns: the composition root: the only file that names concrete adapters, the store and the server, and joins them.
 * Never: decides anything about an agent.
 */

import { randomBytes, randomInt } from 'node:crypto';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { PROFILES } from '../adapters/profiles/profiles.ts';
import { createRuntimes } from '../adapters/registry.ts';
import { clearUnfinished } from '../adapters/transport/local/files.ts';
import { createLocalTransport } from '../adapters/transport/local/local-transport.ts';
import { defaultAgentsDirs, type Home, homeFrom } from '../api/home.ts';
import { SacError } from '../api/resources/errors.ts';
import type { Source } from '../api/resources/meta.ts';
import { instanceId } from '../api/resources/names.ts';
import { isoTime } from '../api/resources/time.ts';
import { createServer } from '../api/server/server.ts';
import { VERSION } from '../api/version.ts';
import { createReads, createTerminals, hosts } from './api-ports.ts';
import { createDirectories } from './compose/directories.ts';
import { type Holding, keepHolding } from './compose/holding.ts';
import { checkDeclaredHost, connectHost, livingOn } from './compose/hosts.ts';
import { watchLogins, withLogins } from './compose/logins.ts';
import { createLoops } from './compose/loops.ts';
import { openHome } from './compose/open-home.ts';
import { createPlanFacts } from './compose/plan-facts.ts';
import { createTelling } from './compose/profiles.ts';
import { realTimers } from './compose/real-timers.ts';
import { measure, selfPort } from './compose/self.ts';
import { createUsage } from './compose/usage.ts';
import { createWrites } from './compose/writes.ts';
import { Controller } from './controller.ts';
import { sourceOf, tellingRollouts, tellingSources } from './desired/git/running/hand-edits.ts';
import { type Flags, parseFlags, USAGE } from './flags.ts';
import { openLog } from './log.ts';
import type { Metrics } from './metrics.ts';
import { HostConditions } from './places/host-conditions.ts';
import { Machines } from './places/machines.ts';
import { planAgent } from './plan/plan-instances.ts';
import { createRunHook } from './reconcile/effects/hooks.ts';
import { Typist } from './reconcile/effects/typist.ts';
import type { RecordedEvent } from './store/store.ts';
import { auditTo } from './store/tokens.ts';
import { WorkspaceSyncer } from './workspace/syncer.ts';

const PLACE_TIMEOUT_MS = 10_000;
/** A stop that takes longer than this is cut short: everything that matters is saved already. */
const STOP_DEADLINE_MS = 10_000;

async function main(): Promise<void> {
  process.umask(0o077);
  const flags = parseFlags(process.argv.slice(2));
  if (!flags) {
    process.stdout.write(USAGE);
    return;
  }
  const home = homeFrom(process.env);
  await run(flags, home, openLog(1, process.env['SAC_LOG_LEVEL'] ?? 'info'));
}

async function run(
  flags: Flags,
  home: Home,
  log: (message: string, fields: Record<string, unknown>) => void,
): Promise<void> {
  const now = Date.now;
  const startedAt = now();
  const { takeover } = flags;
  const { lock, fleet, database, forgot, store, tokens } = await openHome(home, { takeover, now, log });

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
    living: (host) => livingOn(store, host),
    createRuntimes,
    timers: realTimers,
    timeoutMs: PLACE_TIMEOUT_MS,
    onChange: ({ added, gone, back }) => {
      planFacts.change();
      void controller.changePlaces(added, gone, back);
    },
    log,
  });
  const places = await machines.reachLocal();

  const planFacts = createPlanFacts({
    fleet,
    home,
    userHome,
    env: process.env,
    store,
    machines,
    database,
    forgot,
    startedAt,
    timers: realTimers,
    plannedOn: (host) => controller.plannedOn(host),
    replan: () => controller.replan(),
  });
  const factsNow = planFacts.now;

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
  const logins = watchLogins(home.accounts, realTimers, () => {
    planFacts.change();
    controller.replan();
  });
  const typist = new Typist(realTimers);
  const telling = createTelling({
    timers: realTimers,
    remote(host) {
      const machine = machines.get(host);
      const there = machine?.problem === undefined && machine?.reached ? machines.transportOf(host) : undefined;
      return there && { transport: there, hooksDir: `${dirname(machines.leaseFile(host))}/hooks` };
    },
    inside: (runtime) => runtimes.find(({ kind }) => kind === runtime)?.inside,
    store,
    local: transport,
    hooksDir: home.hooks,
    userHome,
    workspaceOf: (id) => controller.workspaceOf(id),
    onHint: (name) => controller.lookAgain(instanceId(fleet, name)),
    log,
  });
  /** Nothing depends on it: one that cannot be kept is lost. */
  const tell = (events: readonly Omit<RecordedEvent, 'at'>[]): void => {
    const at = now();
    store
      .commit(
        [],
        events.map((event) => ({ ...event, at })),
      )
      .catch(() => undefined);
  };
  const files = new WorkspaceSyncer({
    now,
    tell: ({ agent, name }, events) => {
      const regarding = { kind: 'Agent' as const, name: agent, instance: name };
      if (events.length > 0) tell(events.map((event) => ({ ...event, regarding })));
    },
  });
  const controller = new Controller({
    typist,
    files,
    factsOf: telling.factsOf,
    beforeStart: withLogins(telling.beforeStart, home.accounts, ({ agent, name }, reason, message) =>
      tell([{ type: 'Warning', reason, message, regarding: { kind: 'Agent', name: agent, instance: name } }]),
    ),
    store,
    places,
    timers: realTimers,
    readScreen: (profile, screen) => PROFILES[profile].read(screen),
    facts: factsNow,
    leaseFile: (host) => machines.leaseFile(host),
    runHook: createRunHook(({ agent, point }, problem) => {
      log('hook failed', { agent, point, problem });
      tell([
        {
          type: 'Warning',
          reason: 'HookFailed',
          message: `Hook ${point} ${problem}`,
          regarding: { kind: 'Agent', name: agent },
        },
      ]);
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
  const measured = measure(store, controller, startedAt);
  metrics = measured;

  const { over: writesOver, rollouts } = createWrites({ store, factsNow, now });
  const writes = writesOver(store);
  const loops = createLoops({
    store,
    writesOver,
    machines,
    transport,
    fleet,
    home,
    env: process.env,
    timers: realTimers,
    random: () => randomInt(1_000_000) / 1_000_000,
    ...readingThread(),
    onPlacesChange: () => {
      planFacts.change();
      controller.replan();
    },
    observe: (source, result, seconds) => metricsNow().sourceSynced(source, result, seconds),
    log,
  });
  const sources = createDirectories({
    dirs: flags.agentsDirs ?? defaultAgentsDirs(process.cwd(), process.env),
    store,
    writes,
    polling: process.env['SAC_POLL'] === '1',
    log,
  });

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
  let held: Holding | undefined;
  let listening: { readonly socket: string; readonly listen: string | null } = { socket: home.socket, listen: null };
  const touched = (source: Source | undefined) => loops.gitSources.touched(source);
  const server = createServer(
    {
      reads: createReads(ports),
      writes: tellingSources(writes, sourceOf(store), touched),
      rollouts: tellingRollouts(rollouts, touched),
      sources: loops.gitSources,
      usage,
      hosts: { check: (name) => checkDeclaredHost(machines, name, PLACE_TIMEOUT_MS) },
      terminals: createTerminals(ports),
      tokens,
      controller: selfPort({
        store,
        controller,
        metrics: measured,
        status: () => ({
          pid: process.pid,
          version: VERSION,
          home: home.root,
          fleet,
          socket: listening.socket,
          listen: listening.listen,
          agentsDirs: sources.map(({ dir }) => dir),
          startedAt: isoTime(startedAt),
          manifestErrors: sources.flatMap(({ problems }) => problems),
        }),
        refused: () => held?.refused,
        stop: () => end({ code: 0, why: 'asked to by the API' }),
      }),
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
  loops.start();
  hostConditions.start();

  held = keepHolding({
    database,
    lock,
    server,
    socket: home.socket,
    now,
    lose: (why) => end({ code: 1, why, fenced: true }),
    log,
  });
  // Not `once`: execa's signal-exit ends the process when it finds no listener but its own, and one that was called once is gone.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end({ code: 0, why: signal }));
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
  held[Symbol.dispose]();
  await Promise.all(sources.map((source) => source[Symbol.asyncDispose]()));
  await loops[Symbol.asyncDispose]();
  await hostConditions[Symbol.asyncDispose]();
  hostWatch[Symbol.dispose]();
  usage[Symbol.dispose]();
  await controller.stop();
  telling[Symbol.dispose]();
  logins[Symbol.dispose]();
  await machines[Symbol.asyncDispose]();
  await server.close();
  for (const runtime of runtimes) await runtime[Symbol.asyncDispose]();
  await transport[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  lock[Symbol.dispose]();
  process.exit(code);
}

/** Bundled, it lies beside us; run from its sources, or bundled alone, the controller reads by itself. */
function readingThread(): { readonly readingThread?: URL } {
  const program = new URL('./controller/reading-thread.js', import.meta.url);
  return existsSync(program) ? { readingThread: program } : {};
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

/**
 * Owns: joining agents with their profiles: how each is launched, and what it tells of itself besides its screen.
 * Never: decides anything; an agent that tells nothing is read by its screen alone.
 */
import { join } from 'node:path';
import type { Profile } from '../../adapters/profiles/profile.ts';
import { PROFILES } from '../../adapters/profiles/profiles.ts';
import type { PaneState } from '../../adapters/profiles/screen.ts';
import { FactKeeper } from '../../adapters/profiles/telling/fact-keeper.ts';
import { ContainerRecords, type ContainerTeller } from '../../adapters/profiles/telling/far/container-records.ts';
import { COPY_BYTES } from '../../adapters/profiles/telling/far/database-growth.ts';
import { FarDatabases } from '../../adapters/profiles/telling/far/far-databases.ts';
import { FarListening, type FarTeller } from '../../adapters/profiles/telling/far/far-listening.ts';
import type { Inside } from '../../adapters/runtimes/runtime.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import type { Login } from '../../api/accounts.ts';
import { type AgentSpec, effectiveProfile, type RuntimeKind } from '../../api/resources/agent/agent.ts';
import type { AgentFacts } from '../../api/resources/agent/facts.ts';
import { type HostName, type InstanceId, LOCAL_HOST } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { ControllerOptions } from '../controller.ts';
import { mergeFacts, screenFacts } from '../observed/facts.ts';
import { QuotaSeen } from '../observed/quota-seen.ts';
import type { PlanFacts } from '../plan/plan-instances.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import { readForeignDatabase } from '../store/foreign-database.ts';
import type { Store } from '../store/store.ts';
import { hooksAtStart } from './hooks-at-start.ts';

/** Values of secret variables are looked up in the controller's own environment, whether there is a login in `loginOf`. */
export function launchOf(
  profile: Profile,
  spec: AgentSpec,
  loginOf: (account: string) => Login,
): ReturnType<PlanFacts['launch']> {
  const { readsActivity, dialogs, session } = profile;
  const { secretEnv = {}, refused, ...command } = profile.launch(spec);
  const login = command.login && loginOf(command.login.account);
  const missing = Object.values(secretEnv).find((from) => !process.env[from]);
  const unfit =
    refused ??
    (login && 'refused' in login ? login.refused : undefined) ??
    (missing === undefined ? undefined : `the controller's environment has no ${missing}, whose value the agent needs`);
  const secrets = Object.entries(secretEnv).map(([key, from]) => [key, process.env[from] ?? ''] as const);
  return {
    ...command,
    env: { ...command.env, ...Object.fromEntries(secrets) },
    readsActivity,
    dialogs,
    asksFor: profile.asksFor(spec),
    ...(session && { sessionStore: session }),
    ...(unfit !== undefined && { refused: unfit }),
  };
}

/** Between two looks at the spools and records of a host. */
const PULL_MS = 2_000;

export interface TellingOptions {
  readonly store: Store;
  readonly local: Transport;
  /** Another machine, while it can be reached, and where agents there keep their spools. */
  readonly remote: (host: HostName) => { readonly transport: Transport; readonly hooksDir: string } | undefined;
  /** How agents of such a place are reached that see files of their own. */
  readonly inside: (runtime: RuntimeKind) => Inside | undefined;
  readonly timers: Timers;
  readonly hooksDir: string;
  readonly userHome: string;
  /** Where this instance works; undefined: it is not wanted any more. */
  readonly workspaceOf: (id: InstanceId) => string | undefined;
  /** Something new was told by this instance. */
  readonly onHint: (instance: string) => void;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

export type Told = {
  readonly beforeStart: NonNullable<ControllerOptions['beforeStart']>;
  readonly factsOf: (id: InstanceId, state: PaneState, at: Instant) => Promise<AgentFacts>;
} & Disposable;

export function createTelling(options: TellingOptions): Told {
  const { store, local, remote, inside: insideOf, timers, hooksDir, userHome, workspaceOf, onHint, log } = options;
  const keeper = new FactKeeper({ dir: hooksDir, onHint, readDatabase: readForeignDatabase });
  const find = (id: InstanceId) => {
    const record = store.instance(id)?.record;
    const spec = record && store.agent(record.agent)?.record.spec;
    return record && spec && { record, spec, profile: PROFILES[effectiveProfile(spec)] };
  };
  const warn = (agent: string, name: string, why: { readonly reason: string; readonly message: string }) => {
    const regarding = { kind: 'Agent' as const, name: agent, instance: name };
    return store.commit([], [{ type: 'Warning', ...why, at: Date.now(), regarding }]);
  };
  const databases = new FarDatabases({
    dir: join(hooksDir, 'databases'),
    read: readForeignDatabase,
    onLarge(name, bytes) {
      const agent = [...store.instances()].find(({ record }) => record.name === name)?.record.agent;
      const message = `its conversations are not read: their database has ${bytes} bytes, of one elsewhere ${COPY_BYTES} are copied`;
      log('database too large', { instance: name, bytes });
      if (agent !== undefined) warn(agent, name, { reason: 'RecordTooLarge', message }).catch(() => undefined);
    },
  });
  const far = new FarListening(hooksDir, (name) => keeper.grew(name), databases);
  const contained = new ContainerRecords(far);
  const quotas = new QuotaSeen();
  const pullAll = (): void => {
    const inContainers: ContainerTeller[] = [];
    const byHost = new Map<HostName, FarTeller[]>();
    const known = new Set<string>();
    for (const { record } of store.instances()) {
      const { place, incarnation } = record.snapshot.memory;
      const inside = place && insideOf(place.runtime);
      if (!place || (place.host === LOCAL_HOST && !inside)) continue;
      known.add(record.name);
      if (record.snapshot.phase !== 'Running') continue;
      const { profile, spec } = find(record.id) ?? {};
      if (!profile?.hookSettings && !profile?.telling?.transcript) continue;
      const home = spec?.env['HOME'] ?? '';
      const cwd = workspaceOf(record.id);
      const records = profile.telling?.records ?? (inside && profile.telling?.recordsUnhooked);
      const seconds = (timers.now() - (incarnation ?? 0)) / 1000;
      const named = keeper.heard(record.id)?.hooks.transcriptPath?.value;
      const newest: FarTeller['newest'] =
        records && cwd !== undefined ? { type: 'newest', store: records, home, cwd, seconds } : undefined;
      const isFar = place.host !== LOCAL_HOST;
      const spool = { name: record.name, hasSpool: isFar && profile.hookSettings !== undefined };
      const inDatabase = profile.telling?.database !== undefined && cwd !== undefined;
      const own = { hasRecord: true, record: named, home, newest, ...(inDatabase && { databaseOf: cwd }) };
      if (isFar)
        byHost.set(place.host, [
          ...(byHost.get(place.host) ?? []),
          { ...spool, ...(inside ? { hasRecord: false, record: undefined, home, newest: undefined } : own) },
        ]);
      const transport = isFar ? remote(place.host)?.transport : local;
      if (inside && transport && (named !== undefined || newest || inDatabase))
        inContainers.push({
          id: record.id,
          exec: inside.exec(record.id),
          transport,
          teller: { ...spool, hasSpool: false, ...own },
        });
    }
    far.forget((name) => known.has(name));
    quotas.forget((id) => find(id) !== undefined);
    void contained.pull(inContainers);
    for (const [host, tellers] of byHost) {
      const there = remote(host);
      if (there) void far.pull(host, there.transport, there.hooksDir, tellers);
    }
  };
  let cancel: (() => void) | undefined;
  const pullLater = () => {
    cancel = timers.after(PULL_MS, () => {
      pullAll();
      pullLater();
    });
  };
  pullLater();
  return {
    async factsOf(id, state, at) {
      const { record, spec, profile } = find(id) ?? {};
      const { incarnation, place } = record?.snapshot.memory ?? {};
      const screen = {
        ...screenFacts(state, at),
        ...(incarnation !== undefined && quotas.look(id, incarnation, state, at)),
      };
      const isInside = place !== undefined && insideOf(place.runtime) !== undefined;
      const isFar = place !== undefined && (place.host !== LOCAL_HOST || isInside);
      if (isInside) contained.seen(id, state);
      const telling = profile?.telling;
      if (!telling || incarnation === undefined) return screen;
      const teller = { telling, incarnation, home: spec?.env['HOME'] ?? userHome, cwd: workspaceOf(id) };
      const name = record?.name;
      const begin = (of: string) =>
        telling.database ? databases.begin(of, telling.database, incarnation) : far.begin(of);
      const farRecord = isFar && name !== undefined ? { farRecord: () => begin(name) } : {};
      const sign = { busy: state.activity === 'working', look: state };
      return mergeFacts({ ...(await keeper.hear(id, { ...teller, ...farRecord }, sign)), screen });
    },
    async beforeStart({ agent, name, id, launch, place }, { runtime, transport }) {
      const spec = store.agent(agent)?.record.spec;
      const isFar = place !== undefined && place.host !== LOCAL_HOST;
      const there = isFar ? remote(place.host) : undefined;
      if (!spec || (isFar && !there)) return { env: {} };
      const { problem, ...start } = await hooksAtStart({
        name,
        cwd: launch.cwd,
        spec,
        profile: PROFILES[effectiveProfile(spec)],
        transport: there || transport === local ? transport : undefined,
        hooksDir: there?.hooksDir ?? hooksDir,
        ...(!isFar && { program: join(import.meta.dirname, 'sac.js') }),
        inside: runtime.inside,
      });
      if (problem === undefined) return start;
      await warn(agent, name, { reason: 'HooksNotSetUp', message: problem });
      log('hooks not set up', { instance: id, problem });
      return start;
    },
    [Symbol.dispose]() {
      cancel?.();
      keeper[Symbol.dispose]();
      databases[Symbol.dispose]();
    },
  };
}

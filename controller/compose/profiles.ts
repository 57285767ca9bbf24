/**
 * Owns: joining agents with their profiles: how each is launched, and what it tells of itself besides its screen.
 * Never: decides anything; an agent that tells nothing is read by its screen alone.
 */
import { join } from 'node:path';
import { setUpHooks } from '../../adapters/profiles/hooks/set-up.ts';
import { SPOOLER_SCRIPT } from '../../adapters/profiles/hooks/spooler.ts';
import type { Profile } from '../../adapters/profiles/profile.ts';
import { PROFILES } from '../../adapters/profiles/profiles.ts';
import type { PaneState } from '../../adapters/profiles/screen.ts';
import { FactKeeper } from '../../adapters/profiles/telling/fact-keeper.ts';
import { ContainerRecords, type ContainerTeller } from '../../adapters/profiles/telling/far/container-records.ts';
import { FarListening, type FarTeller } from '../../adapters/profiles/telling/far/far-listening.ts';
import { DOCKER, type Engine, PODMAN } from '../../adapters/runtimes/container/engine.ts';
import { containerName } from '../../adapters/runtimes/container/listing.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import { type AgentSpec, effectiveProfile, type RuntimeKind } from '../../api/resources/agent/agent.ts';
import type { AgentFacts } from '../../api/resources/agent/facts.ts';
import { type HostName, type InstanceId, LOCAL_HOST } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { ControllerOptions } from '../controller.ts';
import { mergeFacts, screenFacts } from '../observed/facts.ts';
import type { PlanFacts } from '../plan/plan-instances.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import { readForeignDatabase } from '../store/foreign-database.ts';
import type { Store } from '../store/store.ts';

/** Values of secret variables are looked up in the controller's own environment. */
export function launchOf(profile: Profile, spec: AgentSpec): ReturnType<PlanFacts['launch']> {
  const { readsActivity, dialogs, session } = profile;
  const { secretEnv = {}, refused, ...command } = profile.launch(spec);
  const missing = Object.values(secretEnv).find((from) => !process.env[from]);
  const unfit =
    refused ??
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

const engineOf = (runtime: RuntimeKind): Engine | undefined =>
  runtime === 'docker' ? DOCKER : runtime === 'podman' ? PODMAN : undefined;

/** Between two looks at the spools and records of a host. */
const PULL_MS = 2_000;

export interface TellingOptions {
  readonly store: Store;
  readonly local: Transport;
  /** Another machine, while it can be reached, and where agents there keep their spools. */
  readonly remote: (host: HostName) => { readonly transport: Transport; readonly hooksDir: string } | undefined;
  readonly timers: Timers;
  readonly hooksDir: string;
  readonly userHome: string;
  /** Where this instance works; undefined: it is not wanted any more. */
  readonly workspaceOf: (id: InstanceId) => string | undefined;
  /** Something new was told by this instance. */
  readonly onHint: (instance: string) => void;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

export type Told = Required<Pick<ControllerOptions, 'beforeStart' | 'envAtStart'>> & {
  readonly factsOf: (id: InstanceId, state: PaneState, at: Instant) => Promise<AgentFacts>;
} & Disposable;

export function createTelling(options: TellingOptions): Told {
  const { store, local, remote, timers, hooksDir, userHome, workspaceOf, onHint, log } = options;
  const keeper = new FactKeeper({ dir: hooksDir, onHint, readDatabase: readForeignDatabase });
  const find = (id: InstanceId) => {
    const record = store.instance(id)?.record;
    const spec = record && store.agent(record.agent)?.record.spec;
    return record && spec && { record, spec, profile: PROFILES[effectiveProfile(spec)] };
  };
  const far = new FarListening(hooksDir, (name) => keeper.grew(name));
  const contained = new ContainerRecords(far);
  const pullAll = (): void => {
    const inContainers: ContainerTeller[] = [];
    const byHost = new Map<HostName, FarTeller[]>();
    const known = new Set<string>();
    for (const { record } of store.instances()) {
      const { place, incarnation } = record.snapshot.memory;
      const engine = place && engineOf(place.runtime);
      if (!place || (place.host === LOCAL_HOST && !engine)) continue;
      known.add(record.name);
      if (record.snapshot.phase !== 'Running') continue;
      const { profile, spec } = find(record.id) ?? {};
      if (!profile?.hookSettings && (!profile?.telling?.transcript || profile.telling.database)) continue;
      const home = spec?.env['HOME'] ?? '';
      const cwd = workspaceOf(record.id);
      const records = profile.telling?.records ?? (engine && profile.telling?.recordsUnhooked);
      const seconds = (timers.now() - (incarnation ?? 0)) / 1000;
      const teller: FarTeller = {
        name: record.name,
        hasSpool: profile.hookSettings !== undefined && !engine,
        record: keeper.heard(record.id)?.hooks.transcriptPath?.value,
        home,
        newest: records && cwd !== undefined ? { type: 'newest', store: records, home, cwd, seconds } : undefined,
      };
      if (engine) {
        const transport = place.host === LOCAL_HOST ? local : remote(place.host)?.transport;
        const exec = [engine.program, 'exec', '-i', containerName(record.id)];
        if (transport && teller.newest) inContainers.push({ id: record.id, exec, transport, teller });
        continue;
      }
      byHost.set(place.host, [...(byHost.get(place.host) ?? []), teller]);
    }
    far.forget((name) => known.has(name));
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
      const screen = screenFacts(state, at);
      const isContained = place !== undefined && engineOf(place.runtime) !== undefined;
      const isFar = place !== undefined && (place.host !== LOCAL_HOST || isContained);
      if (isContained) contained.seen(id, state);
      const telling = profile?.telling;
      if (!telling || incarnation === undefined) return screen;
      const teller = { telling, incarnation, home: spec?.env['HOME'] ?? userHome, cwd: workspaceOf(id) };
      const name = record?.name;
      const farRecord = isFar && name !== undefined ? { farRecord: () => far.begin(name) } : {};
      const sign = { busy: state.activity === 'working', look: state };
      return mergeFacts({ ...(await keeper.hear(id, { ...teller, ...farRecord }, sign)), screen });
    },
    async beforeStart({ agent, name, id, launch, place }, { transport }) {
      const spec = store.agent(agent)?.record.spec;
      const there = place && place.host !== LOCAL_HOST ? remote(place.host) : undefined;
      const settings =
        spec && (there || transport === local) ? PROFILES[effectiveProfile(spec)].hookSettings : undefined;
      if (!settings) return;
      const program = there && { path: `${there.hooksDir}/hook`, content: SPOOLER_SCRIPT, mode: 0o700 };
      if (program)
        await transport.putFiles([program]).catch((error) => log('hooks not set up', { error: String(error) }));
      const problem = await setUpHooks(transport, launch.cwd, settings).catch((error) => String(error));
      if (problem === undefined) return;
      const regarding = { kind: 'Agent' as const, name: agent, instance: name };
      await store.commit(
        [],
        [{ type: 'Warning', reason: 'HooksNotSetUp', message: problem, at: Date.now(), regarding }],
      );
      log('hooks not set up', { instance: id, problem });
    },
    envAtStart(id) {
      const { record, profile, spec } = find(id) ?? {};
      if (!record || !profile?.hookSettings) return {};
      const { place } = record.snapshot.memory;
      // Neither the program nor the spool is in there.
      if (place && engineOf(place.runtime)) return {};
      const host = place?.host ?? LOCAL_HOST;
      const there = host === LOCAL_HOST ? { hooksDir } : remote(host);
      if (!there) return {};
      const spool = join(there.hooksDir, `${record.name}.spool`);
      const program = host === LOCAL_HOST ? join(import.meta.dirname, 'sac.js') : join(there.hooksDir, 'hook');
      return { SAC_HOOK_SPOOL: spool, SAC_HOOK: program, ...(spec && profile.spoolEnv?.(spec, spool)) };
    },
    [Symbol.dispose]() {
      cancel?.();
      keeper[Symbol.dispose]();
    },
  };
}

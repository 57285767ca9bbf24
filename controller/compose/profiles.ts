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
import { SpoolMirror } from '../../adapters/profiles/telling/spool-mirror.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import { type AgentSpec, effectiveProfile } from '../../api/resources/agent/agent.ts';
import type { AgentFacts } from '../../api/resources/agent/facts.ts';
import { type HostName, type InstanceId, LOCAL_HOST } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { ControllerOptions } from '../controller.ts';
import { mergeFacts, screenFacts } from '../observed/facts.ts';
import type { PlanFacts } from '../plan/plan-instances.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import type { Store } from '../store/store.ts';

/** Values of secret variables are looked up in the controller's own environment. */
export function launchOf(profile: Profile, spec: AgentSpec): ReturnType<PlanFacts['launch']> {
  const { readsActivity, dialogs, session } = profile;
  const { secretEnv = {}, ...command } = profile.launch(spec);
  const secrets = Object.entries(secretEnv).map(([key, from]) => [key, process.env[from] ?? ''] as const);
  return {
    ...command,
    env: { ...command.env, ...Object.fromEntries(secrets) },
    readsActivity,
    dialogs,
    asksFor: profile.asksFor(spec),
    ...(session && { sessionStore: session }),
  };
}

/** Between two looks at the spools of a host. */
const PULL_MS = 2_000;

export interface TellingOptions {
  readonly store: Store;
  readonly local: Transport;
  /** Another machine, while it can be reached, and where agents there keep their spools. Transcripts there are not read. */
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
  const keeper = new FactKeeper({ dir: hooksDir, onHint });
  const find = (id: InstanceId) => {
    const record = store.instance(id)?.record;
    const spec = record && store.agent(record.agent)?.record.spec;
    return record && spec && { record, spec, profile: PROFILES[effectiveProfile(spec)] };
  };
  const mirror = new SpoolMirror(hooksDir);
  /** A host that is slow to answer keeps the others' turns as they are. */
  const pulling = new Set<HostName>();
  const pullAll = (): void => {
    const byHost = new Map<HostName, string[]>();
    for (const { record } of store.instances()) {
      const { place } = record.snapshot.memory;
      if (!place || place.host === LOCAL_HOST || record.snapshot.phase !== 'Running') continue;
      if (find(record.id)?.profile.hookSettings)
        byHost.set(place.host, [...(byHost.get(place.host) ?? []), record.name]);
    }
    for (const [host, names] of byHost) {
      const there = pulling.has(host) ? undefined : remote(host);
      if (!there) continue;
      pulling.add(host);
      mirror
        .pull(there.transport, there.hooksDir, names)
        // A host that cannot be asked now is asked at the next turn.
        .catch(() => undefined)
        .finally(() => pulling.delete(host));
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
      // A path that is told from over there says nothing here: only hooks are listened to.
      const hooksOnly = profile?.telling?.hooks && { hooks: profile.telling.hooks };
      const telling = place?.host === LOCAL_HOST ? profile?.telling : hooksOnly;
      if (!telling || incarnation === undefined) return screen;
      const teller = { telling, incarnation, home: spec?.env['HOME'] ?? userHome, cwd: workspaceOf(id) };
      const sign = { busy: state.activity === 'working', look: state };
      return mergeFacts({ ...(await keeper.hear(id, teller, sign)), screen });
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
      const { record, profile } = find(id) ?? {};
      const host = record?.snapshot.memory.place?.host ?? LOCAL_HOST;
      if (host !== LOCAL_HOST) {
        const there = record && profile?.hookSettings && remote(host);
        return there
          ? { SAC_HOOK_SPOOL: `${there.hooksDir}/${record.name}.spool`, SAC_HOOK: `${there.hooksDir}/hook` }
          : {};
      }
      return record && profile?.hookSettings
        ? { SAC_HOOK_SPOOL: join(hooksDir, `${record.name}.spool`), SAC_HOOK: join(import.meta.dirname, 'sac.js') }
        : {};
    },
    [Symbol.dispose]() {
      cancel?.();
      keeper[Symbol.dispose]();
    },
  };
}

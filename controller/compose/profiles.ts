/**
 * Owns: joining agents with their profiles: how each is launched, and what it tells of itself besides its screen.
 * Never: decides anything; an agent that tells nothing is read by its screen alone.
 */
import { join } from 'node:path';
import { setUpHooks } from '../../adapters/profiles/hooks/set-up.ts';
import type { Profile } from '../../adapters/profiles/profile.ts';
import { PROFILES } from '../../adapters/profiles/profiles.ts';
import type { PaneState } from '../../adapters/profiles/screen.ts';
import { FactKeeper } from '../../adapters/profiles/telling/fact-keeper.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import { type AgentSpec, effectiveProfile } from '../../api/resources/agent.ts';
import type { AgentFacts } from '../../api/resources/facts.ts';
import { type InstanceId, LOCAL_HOST } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { ControllerOptions } from '../controller.ts';
import { mergeFacts, screenFacts } from '../observed/facts.ts';
import type { PlanFacts } from '../plan/plan-instances.ts';
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

export interface TellingOptions {
  readonly store: Store;
  /** Spools and transcripts of other machines are not read. */
  readonly local: Transport;
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

export function createTelling({ store, local, hooksDir, userHome, workspaceOf, onHint, log }: TellingOptions): Told {
  const keeper = new FactKeeper({ dir: hooksDir, onHint });
  const find = (id: InstanceId) => {
    const record = store.instance(id)?.record;
    const spec = record && store.agent(record.agent)?.record.spec;
    return record && spec && { record, spec, profile: PROFILES[effectiveProfile(spec)] };
  };
  return {
    async factsOf(id, state, at) {
      const { record, spec, profile } = find(id) ?? {};
      const { incarnation, place } = record?.snapshot.memory ?? {};
      const screen = screenFacts(state, at);
      const telling = profile?.telling;
      if (!telling || incarnation === undefined || place?.host !== LOCAL_HOST) return screen;
      const teller = { telling, incarnation, home: spec?.env['HOME'] ?? userHome, cwd: workspaceOf(id) };
      const sign = { busy: state.activity === 'working', look: state };
      return mergeFacts({ ...(await keeper.hear(id, teller, sign)), screen });
    },
    async beforeStart({ agent, name, id, launch }, { transport }) {
      const spec = store.agent(agent)?.record.spec;
      const settings = spec && transport === local ? PROFILES[effectiveProfile(spec)].hookSettings : undefined;
      if (!settings) return;
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
      return record && profile?.hookSettings
        ? { SAC_HOOK_SPOOL: join(hooksDir, `${record.name}.spool`), SAC_HOOK: join(import.meta.dirname, 'sac.js') }
        : {};
    },
    [Symbol.dispose]: () => keeper[Symbol.dispose](),
  };
}

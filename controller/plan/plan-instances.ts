/**
 * Owns: what an Agent means: which instances, where, launched how.
 * Never: looks at the world; facts about hosts and profiles are passed in.
 */
import { type AgentSpec, effectiveProfile, type ProfileName, type RuntimeKind } from '../../api/resources/agent.ts';
import { CONTAINER_RUNTIMES } from '../../api/resources/container.ts';
import { type FleetId, type HostName, instanceId, LOCAL_HOST } from '../../api/resources/names.ts';
import { durationMs, type Instant } from '../../api/resources/time.ts';
import { type PlannedContainer, planContainer } from './container-options.ts';
import type { DesiredInstance, LaunchPlan, Place } from './desired-instance.ts';
import { launchHash } from './launch-hash.ts';
import { type KnownDialog, planOnboarding } from './onboarding-plan.ts';
import { planSession, type SessionFacts } from './session-plan.ts';

export interface PlannedAgent {
  readonly name: string;
  readonly generation: number;
  readonly deletedAt?: Instant;
  readonly forceDelete?: boolean;
  readonly restartAt?: Instant;
  readonly restartSession?: 'new' | 'continue';
  readonly spec: AgentSpec;
}

/** What planning may know of the world: slow facts, looked up beforehand. */
export interface PlanFacts {
  readonly fleet: FleetId;
  /** Absolute path of the folder of default workspaces. */
  readonly workspaces: string;
  /** Home of the user agents run as, for `~`. */
  readonly userHome: string;
  /** Folders of the host that containers may see besides the workspace. */
  readonly allowedHostPaths?: readonly string[];
  /** What each host can take. */
  readonly hosts: ReadonlyMap<
    HostName,
    {
      readonly runtimes: ReadonlyMap<
        RuntimeKind,
        { readonly available: boolean; readonly detail: string /** Absent: no. */; readonly screen?: boolean }
      >;
    }
  >;
  readonly launch: (
    profile: ProfileName,
    spec: AgentSpec,
  ) => {
    readonly argv: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly readsActivity: boolean;
    readonly dialogs?: readonly KnownDialog[];
    /** Dangerous dialogs that the manifest's flags ask to accept. */
    readonly asksFor?: readonly string[];
    readonly sessionStore?: SessionFacts;
  };
  /** Where an instance was last placed: `auto` stays there. */
  readonly placedAt: (instanceName: string) => Place | undefined;
}

/** Order of preference of `runtime: auto`. */
const AUTO: readonly RuntimeKind[] = ['tmux', 'process'];

interface Slot {
  readonly name: string;
  readonly hosts: readonly HostName[];
}

const asHost = (name: string): HostName => name as HostName;

/** Names of the instances an agent has: its own, then <agent>-1, <agent>-2, ...; or <agent>-<host> with `hosts`. */
export function instanceSlots(name: string, spec: AgentSpec, allHosts: readonly HostName[]): readonly Slot[] {
  const { host, hosts } = spec.place;
  if (hosts) {
    const wanted = hosts === 'all' ? allHosts : hosts.map(asHost);
    return wanted.map((one) => ({ name: name.endsWith(`-${one}`) ? name : `${name}-${one}`, hosts: [one] }));
  }
  const preferred = host === undefined ? [LOCAL_HOST] : Array.isArray(host) ? host.map(asHost) : [asHost(host)];
  return Array.from({ length: spec.replicas }, (_, ordinal) => ({
    name: ordinal === 0 ? name : `${name}-${ordinal}`,
    hosts: preferred,
  }));
}

export function planAgent(agent: PlannedAgent, facts: PlanFacts): readonly DesiredInstance[] {
  const slots = instanceSlots(agent.name, agent.spec, [...facts.hosts.keys()]);
  // One that has no instances is deleted through an instance too, so that there is one way out and not two.
  const all = slots.length === 0 && agent.deletedAt !== undefined ? [{ name: agent.name, hosts: [LOCAL_HOST] }] : slots;
  return all.map((slot) => planSlot(agent, slot, facts, agent.deletedAt === undefined));
}

/** An instance that its agent no longer has a slot for (scaled away, host dropped): how to let go of it. */
export function planDeparting(agent: PlannedAgent, instanceName: string, facts: PlanFacts): DesiredInstance {
  const place = facts.placedAt(instanceName);
  return planSlot(agent, { name: instanceName, hosts: [place?.host ?? LOCAL_HOST] }, facts, false);
}

function planSlot(agent: PlannedAgent, slot: Slot, facts: PlanFacts, wanted: boolean): DesiredInstance {
  const { spec } = agent;
  const {
    argv,
    env,
    dialogs = [],
    asksFor = [],
    sessionStore,
    ...profile
  } = facts.launch(effectiveProfile(spec), spec);
  const cwd = expandHome(spec.workspace, facts.userHome) ?? `${facts.workspaces}/${slot.name}`;
  const containers = planContainers(spec, cwd, facts);
  const choice = choosePlace(spec, slot, facts);
  const refused = choice.place && containers.refused.get(choice.place.runtime);
  const chosen: Choice = refused === undefined ? choice : { unplaced: `${refused}.` };
  const { place } = chosen;
  // Without a screen there is nothing to read.
  const readsActivity =
    profile.readsActivity &&
    place !== undefined &&
    facts.hosts.get(place.host)?.runtimes.get(place.runtime)?.screen === true;
  const launch: LaunchPlan = {
    argv,
    env: { ...env, ...spec.env },
    envFiles: spec.envFiles,
    cwd,
    preStart: commandsOf(spec.hooks.preStart),
    postStart: commandsOf(spec.hooks.postStart),
    options: { tmux: spec.place.tmux, process: spec.place.process, slurm: spec.place.slurm, ...containers.options },
  };
  return {
    id: instanceId(facts.fleet, slot.name),
    name: slot.name,
    agent: agent.name,
    generation: agent.generation,
    ...chosen,
    launch,
    launchHash: launchHash(launch, chosen.place),
    want: wanted ? (spec.suspend ? 'rest' : 'run') : 'gone',
    ...(agent.restartAt !== undefined && { restartAt: agent.restartAt }),
    ...(agent.restartSession !== undefined && { restartSession: agent.restartSession }),
    ...(sessionStore && { session: planSession(spec, sessionStore) }),
    restart: {
      policy: spec.restart.policy,
      maxRetries: spec.restart.maxRetries,
      initialMs: durationMs(spec.restart.backoff.initial),
      maxMs: durationMs(spec.restart.backoff.max),
      multiplier: spec.restart.backoff.multiplier,
    },
    update: { strategy: spec.update.strategy, maxWaitMs: durationMs(spec.update.maxWait) },
    readsActivity,
    ...(readsActivity && { onboarding: planOnboarding(spec, dialogs, asksFor) }),
    minReadyMs: Math.round(spec.startup.minReadySeconds * 1000),
    graceMs: agent.forceDelete ? 0 : Math.round(spec.terminationGracePeriodSeconds * 1000),
    hooks: {
      preStop: spec.hooks.preStop,
      postStop: spec.hooks.postStop,
      onRestart: spec.hooks.onRestart,
      onDiff: spec.hooks.onDiff,
      preStartUrls: spec.hooks.preStart.filter(isUrl),
      postStartUrls: spec.hooks.postStart.filter(isUrl),
    },
  };
}

/** What the manifest says of the engines; a refusal counts only where that engine is the place. */
function planContainers(spec: AgentSpec, cwd: string, { userHome, allowedHostPaths: allowed = [] }: PlanFacts) {
  const options: { docker?: PlannedContainer; podman?: PlannedContainer } = {};
  const refused = new Map<RuntimeKind, string>();
  for (const kind of CONTAINER_RUNTIMES) {
    const said = spec.place[kind];
    if (!said) continue;
    const planned = planContainer(kind, said, { cwd, userHome, allowed });
    if ('options' in planned) options[kind] = planned.options;
    else refused.set(kind, planned.refused);
  }
  return { options, refused };
}

export const isUrl = (hook: string): boolean => /^https?:\/\//.test(hook);
const commandsOf = (hooks: readonly string[]): readonly string[] => hooks.filter((hook) => !isUrl(hook));

/** `~` and `~/x` mean the user's home; relative paths begin there too, as they do for a login shell. */
const expandHome = (path: string | undefined, home: string): string | undefined => {
  if (path === undefined || path.startsWith('/')) return path;
  if (path === '~') return home;
  return `${home}/${path.startsWith('~/') ? path.slice(2) : path}`;
};

type Choice = Pick<DesiredInstance, 'place' | 'unplaced' | 'placeNote'>;

/** The first host that can take it, in the runtime asked for; `auto` stays where it was, else takes the best there is. */
function choosePlace(spec: AgentSpec, slot: Slot, facts: PlanFacts): Choice {
  const refusals: string[] = [];
  for (const host of slot.hosts) {
    const found = facts.hosts.get(host);
    if (!found) {
      refusals.push(`host "${host}" is not known (known: ${[...facts.hosts.keys()].join(', ')})`);
      continue;
    }
    const has = (runtime: RuntimeKind) => found.runtimes.get(runtime)?.available === true;
    const asked = spec.place.runtime;
    if (asked !== 'auto') {
      if (has(asked)) return { place: { host, runtime: asked } };
      refusals.push(`${asked} cannot be used on ${host}: ${found.runtimes.get(asked)?.detail ?? 'not supported'}`);
      continue;
    }
    const before = facts.placedAt(slot.name);
    const runtime = before?.host === host && has(before.runtime) ? before.runtime : AUTO.find(has);
    if (!runtime) {
      refusals.push(`no runtime can be used on ${host}`);
      continue;
    }
    const missing = AUTO.slice(0, AUTO.indexOf(runtime)).filter((better) => !has(better));
    const note = missing.map(
      (better) =>
        `${better} cannot be used on ${host} (${found.runtimes.get(better)?.detail ?? 'not supported'}); fell back to ${runtime}`,
    );
    return { place: { host, runtime }, ...(note.length > 0 && { placeNote: `${note.join('; ')}.` }) };
  }
  return { unplaced: `${refusals.join('; ')}.` };
}

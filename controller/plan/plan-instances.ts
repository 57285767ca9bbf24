/**
 * Owns: what an Agent means: which instances, where, launched how.
 * Never: looks at the world; facts about hosts and profiles are passed in.
 */
import {
  type AgentSpec,
  effectiveProfile,
  type ProfileName,
  type RuntimeKind,
} from '../../api/resources/agent/agent.ts';
import type { StoredFile } from '../../api/resources/agent/agent-files.ts';
import { CONTAINER_RUNTIMES } from '../../api/resources/agent/place/container.ts';
import { workspaceOptions } from '../../api/resources/agent/workspace.ts';
import { type FleetId, type HostName, instanceId, LOCAL_HOST } from '../../api/resources/names.ts';
import { type DurationMs, durationMs, type Instant } from '../../api/resources/time.ts';
import { type PlannedApptainer, type PlannedContainer, planApptainer, planContainer } from './container-options.ts';
import type { DesiredInstance, LastPlace, LaunchPlan } from './desired-instance.ts';
import { launchHash } from './launch-hash.ts';
import { type KnownDialog, planOnboarding } from './onboarding-plan.ts';
import { type Choice, choosePlace, type Hosts, instanceSlots, type Slot } from './placement.ts';
import { allotment, baseSpec, type Revision, type Rollout } from './rollout/revisions.ts';
import { planSession, type SessionFacts } from './session-plan.ts';
import { planTenancy, type ReservationFacts } from './tenancy.ts';
import { planSchedule } from './timing.ts';
import { launchFiles, planWorkspace } from './workspace/workspace-plan.ts';

export interface PlannedAgent {
  readonly name: string;
  readonly generation: number;
  readonly deletedAt?: Instant;
  readonly forceDelete?: boolean;
  readonly restartAt?: Instant;
  readonly restartSession?: 'new' | 'continue';
  readonly labels?: Readonly<Record<string, string>>;
  /** Somebody keeps it at rest, whatever its spec says. */
  readonly holds?: object;
  readonly spec: AgentSpec;
  readonly files?: readonly StoredFile[];
  /** Where its manifest names variables. */
  readonly lastApplied?: { readonly lines?: Readonly<Record<string, string>> };
  readonly revisions?: readonly Revision[];
  readonly rollout?: Rollout;
}

/** What planning may know of the world: slow facts, looked up beforehand. */
export interface PlanFacts {
  readonly fleet: FleetId;
  /** Absolute path of the folder of default workspaces. */
  readonly workspaces: string;
  /** Home of the user agents run as, for `~`. */
  readonly userHome: string;
  /** The controller's environment, for `${NAME}` in files. */
  readonly environment?: (name: string) => string | undefined;
  /** Folders of the host that containers may see besides the workspace. */
  readonly allowedHostPaths?: readonly string[];
  /** What each host can take. */
  readonly hosts: Hosts;
  /** The database was lost, and this controller has run for so long. Absent: where agents live is known. */
  readonly forgotForMs?: DurationMs;
  /** Absent: none is declared. */
  readonly reservations?: ReadonlyMap<string, ReservationFacts>;
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
    readonly login?: LaunchPlan['login'];
    readonly withheld?: readonly string[];
    /** Why it must not be started. */
    readonly refused?: string;
  };
  /** Where an instance was last placed: `auto` stays there. */
  readonly placedAt: (instanceName: string) => LastPlace | undefined;
}

export function planAgent(agent: PlannedAgent, facts: PlanFacts): readonly DesiredInstance[] {
  const slots = instanceSlots(agent.name, agent.spec, facts.hosts);
  const taken = new Map<HostName, number>();
  // One that has no instances is deleted through an instance too, so that there is one way out and not two.
  const all = slots.length === 0 && agent.deletedAt !== undefined ? [{ name: agent.name, hosts: [LOCAL_HOST] }] : slots;
  const wanted = agent.deletedAt === undefined;
  if (!agent.rollout)
    return all.map((slot) => planSlot({ ...agent, ...allotment(agent, slot.name) }, slot, facts, wanted, taken));
  // While a change is under way, each instance is what its own revision says; what only the old one has stays until the new is well.
  const before = baseSpec(agent);
  const old = before ? instanceSlots(agent.name, before, facts.hosts) : [];
  const leaving = old.filter(({ name }) => !all.some((slot) => slot.name === name));
  return [...all, ...leaving].map((slot) => {
    const own = allotment(agent, slot.name);
    const its = own.spec === agent.spec ? slot : slotIn(agent, own.spec, slot.name, facts);
    const { files: _, ...others } = agent;
    const planned = planSlot({ ...others, ...own }, its ?? slot, facts, wanted, taken);
    return own.hold ? { ...planned, hold: true } : planned;
  });
}

const slotIn = ({ name: agent }: PlannedAgent, spec: AgentSpec, name: string, { hosts }: PlanFacts): Slot | undefined =>
  instanceSlots(agent, spec, hosts).find((slot) => slot.name === name);

/** An instance that its agent no longer has a slot for (scaled away, host dropped): how to let go of it. */
export function planDeparting(agent: PlannedAgent, instanceName: string, facts: PlanFacts): DesiredInstance {
  const place = facts.placedAt(instanceName);
  return planSlot(agent, { name: instanceName, hosts: [place?.host ?? LOCAL_HOST] }, facts, false, new Map());
}

function planSlot(
  agent: PlannedAgent,
  slot: Slot,
  facts: PlanFacts,
  wanted: boolean,
  taken: Map<HostName, number>,
): DesiredInstance {
  const { spec } = agent;
  const {
    argv,
    env,
    dialogs = [],
    asksFor = [],
    sessionStore,
    refused: unfit,
    login,
    withheld,
    ...profile
  } = facts.launch(effectiveProfile(spec), spec);
  const tenancy = planTenancy(spec, facts.reservations);
  const choice: Choice =
    tenancy?.unplaced === undefined
      ? choosePlace(
          spec,
          tenancy ? { name: slot.name, hosts: [tenancy.host] } : slot,
          facts.hosts,
          facts.placedAt(slot.name),
          taken,
          facts.forgotForMs,
        )
      : { unplaced: tenancy.unplaced };
  const there = choice.place && facts.hosts.get(choice.place.host);
  const userHome = there?.userHome ?? facts.userHome;
  const cwd =
    expandHome(workspaceOptions(spec.workspace).path, userHome) ??
    `${there?.workspaces ?? facts.workspaces}/${slot.name}`;
  const containers = planContainers(spec, cwd, { ...facts, userHome });
  const refused = choice.place && containers.refused.get(choice.place.runtime);
  // What runs goes on: it was started when all that it asks for was there.
  const chosen: Choice =
    unfit !== undefined
      ? { unplaced: `${unfit}.`, hold: true }
      : refused === undefined
        ? choice
        : { unplaced: `${refused}.` };
  const { place } = chosen;
  // Without a screen there is nothing to read.
  const readsActivity =
    profile.readsActivity &&
    place !== undefined &&
    facts.hosts.get(place.host)?.runtimes.get(place.runtime)?.screen === true;
  const profileName = effectiveProfile(spec);
  const workspace = planWorkspace({
    agent: agent.name,
    instance: slot.name,
    labels: agent.labels ?? {},
    spec,
    files: agent.files,
    lines: agent.lastApplied?.lines,
    profile: profileName,
    runtime: place?.runtime,
    cwd,
    userHome,
    environment: facts.environment ?? (() => undefined),
  });
  const files = launchFiles(workspace, profileName);
  const preStart = commandsOf(spec.hooks.preStart);
  const launch: LaunchPlan = {
    argv,
    env: { ...env, ...spec.env },
    envFiles: spec.envFiles,
    ...(login && { login }),
    ...(withheld && { withheld }),
    cwd,
    ...(files && { files }),
    ...(spec.cliVersion !== undefined && { cliVersion: spec.cliVersion }),
    ...(spec.venv !== undefined && { venv: venvFolder(spec.venv, cwd, spec.env['HOME'] ?? userHome) }),
    ...(chosen.leaseMs !== undefined && { leased: true as const }),
    preStart,
    ...(preStart.length > 0 &&
      spec.hooks.preStartTimeout !== undefined && { preStartMs: durationMs(spec.hooks.preStartTimeout) }),
    postStart: commandsOf(spec.hooks.postStart),
    options: {
      tmux: spec.place.tmux,
      process: spec.place.process,
      slurm: spec.place.slurm,
      ...(tenancy?.unplaced === undefined && tenancy && { tenancy: tenancy.of }),
      ...containers.options,
    },
  };
  return {
    id: instanceId(facts.fleet, slot.name),
    name: slot.name,
    agent: agent.name,
    generation: agent.generation,
    ...chosen,
    launch,
    launchHash: launchHash(launch, chosen.place),
    ...(workspace && { workspace }),
    want: wanted ? (spec.suspend || agent.holds !== undefined ? 'rest' : 'run') : 'gone',
    ...(spec.schedule && { schedule: planSchedule(spec.schedule) }),
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
    // A run by the clock is not cut short by a changed manifest: the next one has it.
    update: {
      strategy: spec.schedule?.cron === undefined ? spec.update.strategy : 'OnDelete',
      maxWaitMs: durationMs(spec.update.maxWait),
    },
    readsActivity,
    ...(readsActivity && { onboarding: planOnboarding(spec, dialogs, asksFor) }),
    ...planHealth(spec, cwd),
    minReadyMs: Math.round(spec.startup.minReadySeconds * 1000),
    graceMs: agent.forceDelete ? 0 : Math.round(spec.terminationGracePeriodSeconds * 1000),
    hooks: {
      preStop: spec.hooks.preStop,
      postStop: spec.hooks.postStop,
      onRestart: spec.hooks.onRestart,
      onDiff: spec.hooks.onDiff,
      onCompact: spec.hooks.onCompact,
      preStartUrls: spec.hooks.preStart.filter(isUrl),
      postStartUrls: spec.hooks.postStart.filter(isUrl),
    },
  };
}

function planHealth({ health }: AgentSpec, cwd: string): Pick<DesiredInstance, 'health'> {
  const { enabled, command, interval, timeout, failureThreshold } = health;
  if (!enabled || command === undefined) return {};
  return {
    health: {
      argv: command,
      cwd,
      intervalMs: Math.max(MIN_HEALTH_INTERVAL_MS, durationMs(interval)),
      timeoutMs: durationMs(timeout),
      failureThreshold,
    },
  };
}
/** Each run is a process. */
const MIN_HEALTH_INTERVAL_MS = 1_000;

/** What the manifest says of the engines; a refusal counts only where that engine is the place. */
function planContainers(spec: AgentSpec, cwd: string, { userHome, allowedHostPaths: allowed = [] }: PlanFacts) {
  const options: { docker?: PlannedContainer; podman?: PlannedContainer; apptainer?: PlannedApptainer } = {};
  const refused = new Map<RuntimeKind, string>();
  for (const kind of CONTAINER_RUNTIMES) {
    const said = spec.place[kind];
    if (!said) continue;
    const planned = planContainer(kind, said, { cwd, userHome, allowed });
    if ('options' in planned) options[kind] = planned.options;
    else refused.set(kind, planned.refused);
  }
  if (spec.place.apptainer) {
    const planned = planApptainer(spec.place.apptainer, { cwd, userHome, allowed });
    if ('options' in planned) options.apptainer = planned.options;
    else refused.set('apptainer', planned.refused);
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

const venvFolder = (venv: string, cwd: string, home: string): string =>
  venv.startsWith('/') ? venv : venv === '~' || venv.startsWith('~/') ? `${home}${venv.slice(1)}` : `${cwd}/${venv}`;

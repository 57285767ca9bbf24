/**
 * Owns: what the engine is told to run for one launch, as an argument list. Pure.
 * Never: passes environment or secrets this way (they are in the launch file), or a flag the manifest cannot name.
 */
import { type FleetId, fleetOf, instanceNameOf } from '../../../api/resources/names.ts';
import { type ContainerOptions, type Launch, RuntimeError } from '../runtime.ts';
import type { Engine } from './engine.ts';
import { containerName, LABEL } from './listing.ts';

/** Where our files are in the container. */
export const INSIDE = {
  launch: '/.sac/launch.sh',
  init: '/.sac/init.sh',
  program: '/.sac/hook',
  spool: '/.sac/spool',
} as const;

export interface HostFiles {
  readonly launch: string;
  readonly init: string;
}

/** Arguments after `<engine> run`. Throws RuntimeError when the launch says nothing of this engine. */
export function runArguments(engine: Engine, launch: Launch, files: HostFiles): readonly string[] {
  const options = optionsOf(engine, launch);
  const { width, height, historyLimit } = launch.options.tmux;
  return [
    ...['--detach', '--interactive', '--tty', '--pull', 'never', '--name', containerName(launch.id)],
    ...labels(launch, fleetOf(launch.id)),
    // Restarting is the controller's business; an engine that does it too would race it.
    ...['--restart', 'no', '--hostname', instanceNameOf(launch.id).slice(0, 63).replace(/-+$/, '')],
    ...['--workdir', launch.cwd, ...mount(launch.cwd, launch.cwd, false)],
    ...[...mount(files.launch, INSIDE.launch, true), ...mount(files.init, INSIDE.init, true)],
    ...(launch.hooks
      ? [...mount(launch.hooks.program, INSIDE.program, true), ...mount(launch.hooks.spool, INSIDE.spool, false)]
      : []),
    // Its age is what keeps the agent alive: looked at from inside, touched from outside.
    ...(launch.lease ? mount(launch.lease.file, launch.lease.file, true) : []),
    ...confinement(options),
    ...limits(options),
    ...options.mounts.flatMap(({ source, target, readOnly }) => mount(source, target, readOnly)),
    ...options.volumes.flatMap((volume) => ['--volume', volume]),
    ...homeOf(options),
    ...engine.logFlags,
    // An image's own entry point would stand between us and the agent; stopping is told by name.
    ...['--entrypoint', 'sh', '--stop-signal', 'SIGTERM'],
    ...[options.image, INSIDE.init, INSIDE.launch, `${width}`, `${height}`, `${historyLimit}`],
  ];
}

export function optionsOf(engine: Engine, launch: Launch): ContainerOptions {
  const options = launch.options[engine.kind];
  if (!options)
    throw new RuntimeError(
      `${instanceNameOf(launch.id)}: place.${engine.kind}.image says which image to use; it is missing`,
    );
  return options;
}

const labels = (launch: Launch, fleet: FleetId): readonly string[] =>
  [
    [LABEL.fleet, fleet],
    [LABEL.id, launch.id],
    [LABEL.incarnation, `${launch.incarnation}`],
    [LABEL.hash, launch.launchHash],
  ].flatMap(([name, value]) => ['--label', `${name}=${value}`]);

function confinement(options: ContainerOptions): readonly string[] {
  return [
    ...['--network', options.network],
    ...(options.user === undefined ? [] : ['--user', options.user]),
    ...options.capDrop.flatMap((name) => ['--cap-drop', name]),
    ...options.capAdd.flatMap((name) => ['--cap-add', name]),
    ...(options.noNewPrivileges ? ['--security-opt', 'no-new-privileges'] : []),
    ...(options.readOnlyRootfs ? ['--read-only', '--tmpfs', '/tmp:mode=1777'] : []),
    ...(options.ociRuntime === undefined ? [] : ['--runtime', options.ociRuntime]),
  ];
}

function limits({ cpus, memory, pids, ulimits }: ContainerOptions): readonly string[] {
  return [
    ...(cpus === undefined ? [] : ['--cpus', `${cpus}`]),
    // Swap would only make the end slow.
    ...(memory === undefined ? [] : ['--memory', memory, '--memory-swap', memory]),
    ...(pids === undefined ? [] : ['--pids-limit', `${pids}`]),
    ...ulimits.flatMap((limit) => ['--ulimit', limit]),
  ];
}

/** The user's Claude Code settings: START adds what of them exists. What the CLI writes beside them is forgotten. */
function homeOf({ home }: ContainerOptions): readonly string[] {
  if (home === undefined) return [];
  if (/[,:"\s]/.test(home))
    throw new RuntimeError(`mountHostClaude: the home ${home} has a character no engine takes there`);
  return ['--env', `HOME=${home}`, '--tmpfs', `${home}:mode=1777,exec`, '--tmpfs', `${home}/.claude:mode=1777,exec`];
}

/** The engines read this as one line of CSV. */
export function mount(source: string, target: string, readOnly: boolean): readonly string[] {
  const fields = ['type=bind', `source=${source}`, `target=${target}`, ...(readOnly ? ['readonly'] : [])];
  return [
    '--mount',
    fields.map((field) => (/[",\n\r]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(','),
  ];
}

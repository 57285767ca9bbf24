/**
 * Owns: where and with which CLI an older manifest ran: runtime, multiplexer, container, host, hosts, remote, scheduling.
 * Never: lets an agent that was meant for a container, a cluster or another host run unconfined on this one: it is suspended.
 */
import { NAME_PATTERN } from '../resources/names.ts';
import { isMap, type Json } from './json.ts';
import { listOf, type Rule, type RuleContext, textOf } from './rule.ts';
import { CONTAINER_OLD, containerBack, containerOf, engineOf } from './rules-container.ts';

type Profile = 'claude-code' | 'cursor' | 'aider' | 'codex' | 'opencode';

export const runtimeRule: Rule = {
  old: [
    'spec.runtime',
    'spec.multiplexer',
    'spec.container.runtime',
    'spec.harness',
    'spec.slurm.reservation',
    ...CONTAINER_OLD,
  ],
  v1: [
    'spec.profile',
    'spec.place.runtime',
    'spec.place.reservation',
    'spec.place.docker',
    'spec.place.podman',
    'spec.place.apptainer',
  ],
  forward([runtime, multiplexer, wrapped, harness, pool, ...container], context) {
    const engine = textOf(wrapped);
    const profile = profileOf(textOf(runtime), textOf(harness), context);
    const within =
      engine !== undefined && engine !== 'none'
        ? containerOf(engine, container, context)
        : isContained(textOf(runtime), context)
          ? engineOf(textOf(runtime) ?? 'apptainer', container, context)
          : undefined;
    if (within) {
      const { runtime: kind, section } = within;
      const of = (one: typeof kind) => (one === kind ? section : undefined);
      return [profile, kind, undefined, of('docker'), of('podman'), of('apptainer')];
    }
    if (runtime === 'slurm') return [profile, 'slurm'];
    if (runtime === 'slurm-tenant') return [profile, ...tenant(textOf(pool), context)];
    return [profile, textOf(multiplexer)];
  },
  backward([profile, runtime, reservation, docker, podman, apptainer]) {
    switch (runtime) {
      case 'tmux':
      case 'screen':
        return [profile, runtime];
      case 'slurm':
      case 'slurm-tenant':
        return [runtime, undefined, undefined, undefined, reservation];
      case 'docker':
      case 'podman':
      case 'apptainer': {
        const section = { docker, podman, apptainer }[runtime];
        return [profile, undefined, runtime, undefined, undefined, ...containerBack(runtime, section)];
      }
      default:
        return [profile];
    }
  },
};

/** The later generations lived in a container whatever they named, and in apptainer when they named nothing. */
const isContained = (runtime: string | undefined, { generation }: RuleContext): boolean =>
  runtime === undefined
    ? generation === 'v3c' || generation === 'v3d'
    : ['docker', 'podman', 'apptainer', 'tui'].includes(runtime);

/** Its pool was booked with another program, and has to be declared here. */
function tenant(pool: string | undefined, context: RuleContext): readonly (Json | undefined)[] {
  if (pool === undefined || !NAME_PATTERN.test(pool)) {
    context.suspend('spec.slurm.reservation', 'slurm-tenant needs the name of a Reservation: place.reservation');
    return [];
  }
  context.warn('spec.slurm.reservation', `declare a Reservation ${pool}; until then it waits`);
  return ['slurm-tenant', pool];
}

function profileOf(
  runtime: string | undefined,
  harness: string | undefined,
  context: RuleContext,
): Profile | undefined {
  switch (runtime) {
    case 'claude-code':
    case 'cursor':
    case 'aider':
      return runtime;
    case 'claude-cli-tui':
    case 'slurm':
    case 'slurm-tenant':
      return 'claude-code';
    case 'claude-session':
    case 'claude-sdk-persistent':
      context.warn('spec.runtime', `${runtime} ran the SDK without a terminal; sac runs claude-code`);
      return 'claude-code';
    case 'docker':
    case 'podman':
      context.warn('spec.runtime', 'the image ran the SDK; sac runs claude-code in it, which has to be there');
      return harnessProfile(harness, context);
    case undefined:
      return isContained(runtime, context) ? harnessProfile(harness, context) : undefined;
    default:
      return harnessProfile(harness, context);
  }
}

function harnessProfile(harness: string | undefined, context: RuleContext): Profile {
  if (harness === 'codex' || harness === 'opencode') return harness;
  if (harness !== undefined && harness !== 'anthropic')
    context.warn('spec.harness', `"${harness}" has no profile; claude-code stands in`);
  return 'claude-code';
}

/** Spellings of "wherever this is started". */
const HERE = new Set(['', '${HOSTNAME}', 'local', 'localhost']);

export const placeRule: Rule = {
  old: [
    'spec.host',
    'spec.hosts',
    'spec.remote',
    'spec.scheduling.mode',
    'spec.scheduling.preferred-host',
    'spec.scheduling.fallback-hosts',
  ],
  v1: ['spec.place.host', 'spec.place.hosts'],
  forward([host, hosts, remote, mode, preferred, fallbacks], context) {
    const pinned = listOf(host);
    if (pinned.length > 0) return [hostNames(pinned, 'spec.host', context), hostList(hosts, context)];
    if (hosts !== undefined) return [undefined, hostList(hosts, context)];
    if (remote !== undefined) return [remoteHost(remote, context)];
    const preference = [...listOf(preferred), ...listOf(fallbacks)];
    if (preference.length > 0 && mode === 'singleton') return [hostNames(preference, 'spec.scheduling', context)];
    if (mode === 'per-host') context.warn('spec.scheduling.mode', 'per-host needs a list of hosts in sac: place.hosts');
    return [];
  },
  backward: ([host, hosts]) => [host, hosts],
};

/** One name or several in order of preference; undefined for "here". */
function hostNames(found: readonly Json[], path: string, context: RuleContext): Json | undefined {
  const wanted = found.map(String).filter((host) => !HERE.has(host));
  if (wanted.length < found.length && wanted.length === 0) return undefined;
  const usable = wanted.filter((host) => NAME_PATTERN.test(host));
  if (usable.length === 0 && wanted.length > 0) {
    context.suspend(path, `${wanted.join(', ')} is no host name sac knows how to reach yet`);
    return undefined;
  }
  if (usable.length < wanted.length)
    context.warn(
      path,
      `hosts that are no valid names were left out: ${wanted.filter((host) => !usable.includes(host)).join(', ')}`,
    );
  const names = wanted.length < found.length ? ['local', ...usable] : usable;
  return names.length === 1 ? names[0] : names;
}

function hostList(hosts: Json | undefined, context: RuleContext): Json | undefined {
  if (hosts === undefined || hosts === 'all') return hosts;
  const wanted = listOf(hosts).map((host) => (HERE.has(String(host)) ? 'local' : String(host)));
  const usable = [...new Set(wanted.filter((host) => NAME_PATTERN.test(host)))];
  if (usable.length < new Set(wanted).size) context.warn('spec.hosts', 'hosts that are no valid names were left out');
  if (usable.length > 0) return usable;
  context.suspend('spec.hosts', 'none of these hosts has a name sac knows how to reach yet');
  return undefined;
}

function remoteHost(remote: Json, context: RuleContext): Json | undefined {
  const hops = isMap(remote)
    ? [...listOf(remote['hops'] ?? undefined), ...listOf(remote['host'] ?? undefined)]
    : listOf(remote);
  const last = textOf(hops.at(-1));
  if (last === undefined || HERE.has(last)) return undefined;
  if (!NAME_PATTERN.test(last)) {
    context.suspend('spec.remote', `"${last}" is no host name sac knows how to reach yet`);
    return undefined;
  }
  context.warn(
    'spec.remote',
    `becomes place.host: ${last}; how to reach it belongs into ssh's own configuration or a Host`,
  );
  return last;
}

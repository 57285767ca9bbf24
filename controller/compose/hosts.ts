/**
 * Owns: joining declared hosts with the SSH transport.
 * Never: decides where an agent lives.
 */
import { userInfo } from 'node:os';
import { checkHost, missingOn } from '../../adapters/transport/ssh/host-check.ts';
import { createSshTransport, parseHop } from '../../adapters/transport/ssh/ssh-transport.ts';
import { type Transport, TransportError } from '../../adapters/transport/transport.ts';
import type { HostCheck } from '../../api/protocol.ts';
import type { Phase, RuntimeKind } from '../../api/resources/agent/agent.ts';
import { NotFoundError, UnreachableError } from '../../api/resources/errors.ts';
import type { HostName } from '../../api/resources/names.ts';
import type { DurationMs } from '../../api/resources/time.ts';
import type { DeclaredHost, Machine, Machines } from '../places/machines.ts';
import { sameAs, withheldBy } from '../places/same-user.ts';
import type { Store } from '../store/store.ts';

/** Throws RangeError for an address, port or user that cannot be one. Connects at first use. */
export function connectHost({ name, spec }: DeclaredHost, home: string): Transport {
  const agentSocket = process.env['SSH_AUTH_SOCK'];
  const expand = (path: string) => (path === '~' || path.startsWith('~/') ? home + path.slice(1) : path);
  return createSshTransport({
    host: name as HostName,
    address: spec.address,
    home,
    localUser: userInfo().username,
    now: Date.now,
    loginShell: spec.loginShell,
    knownHostsFiles: spec.knownHosts.map(expand),
    ...(spec.port !== undefined && { port: spec.port }),
    ...(spec.user !== undefined && { user: spec.user }),
    ...(spec.identity !== undefined && { identityFile: expand(spec.identity) }),
    ...(spec.jump && { jump: spec.jump.map(parseHop) }),
    ...(spec.sshConfig !== undefined && { sshConfigFile: expand(spec.sshConfig) }),
    ...(agentSocket !== undefined && { agentSocket }),
  });
}

/** Throws UnreachableError with what keeps us from it: its address, the network, a host key that is not trusted, our own key. */
export async function checkDeclaredHost(machines: Machines, name: string, timeoutMs: DurationMs): Promise<HostCheck> {
  const transport = machines.transportOf(name as HostName);
  if (!transport) throw new NotFoundError(`host "${name}" not found; \`sac get hosts\` lists what there is`);
  const { unusable } = machines.get(name as HostName) ?? {};
  if (unusable !== undefined) throw new UnreachableError(`host "${name}" ${unusable}`);
  const found = await checkHost(transport, { now: Date.now, timeoutMs }).catch((error: unknown) => {
    throw error instanceof TransportError ? new UnreachableError(`host "${name}": ${error.message}`) : error;
  });
  await machines.lookAgain(name as HostName);
  // It answers, and yet it is not used: what keeps it from that comes first.
  const { refused } = machines.get(name as HostName) ?? {};
  const twin = machines.twinOf(name as HostName);
  const kept = [refused, twin && `tmux, screen, process: ${sameAs(twin)}`].filter((one) => one !== undefined);
  const lacks = unusableOn(machines.get(name as HostName), twin);
  const programs: Record<string, string> = { ...found.programs };
  for (const [kind, why] of lacks.unasked)
    if (programs[kind] !== undefined) programs[kind] = `${programs[kind]}; cannot be used: ${why}`;
  return { ...found, programs, missing: [...kept, ...missingOn(found, lacks.declared)] };
}

/** What cannot be used there, in the machine's own words: what the Host declares is missing, of the rest it is good to know. */
function unusableOn(machine: Machine | undefined, twin: HostName | undefined) {
  const withheld = withheldBy(twin);
  const found = [...(machine?.reached?.missing ?? [])].filter(([kind]) => !withheld.has(kind));
  const declares = (kind: RuntimeKind): boolean => machine?.spec?.runtimes?.includes(kind) ?? false;
  return {
    declared: new Map(found.filter(([kind]) => declares(kind))),
    unasked: machine?.spec?.runtimes ? [] : found.filter(([kind]) => !declares(kind)),
  };
}

/** Agents of which something was started there and, as far as is known, has not ended. */
export const livingOn = (store: Store, host: string): readonly string[] =>
  [...store.instances()]
    .filter(({ record: { snapshot } }) => snapshot.memory.place?.host === host && LIVE.has(snapshot.phase))
    .map(({ record }) => record.name);
const LIVE: ReadonlySet<Phase> = new Set<Phase>(['Queued', 'Starting', 'Running', 'Stopping']);

/** Who lives there; undefined: nobody. */
export function agentsOn(store: Store, host: string): string | undefined {
  const names = [...store.instances()]
    .filter(({ record }) => record.snapshot.memory.place?.host === host && record.snapshot.phase !== 'Stopped')
    .map(({ record }) => record.name);
  if (names.length === 0) return undefined;
  const shown = names.slice(0, 5).join(', ');
  return `${names.length === 1 ? 'an agent lives' : `${names.length} agents live`} there (${shown}${names.length > 5 ? ', ...' : ''}); \`sac drain ${host}\` moves them, or delete them first`;
}

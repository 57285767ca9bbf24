/**
 * Owns: telling whether two hosts are one user on one machine, and what then belongs to the first of them alone.
 * Never: guesses: where it cannot be told they are taken for two.
 */
import type { Transport } from '../../adapters/transport/transport.ts';
import type { RuntimeKind } from '../../api/resources/agent/agent.ts';
import { type HostName, LOCAL_HOST } from '../../api/resources/names.ts';
import type { DurationMs } from '../../api/resources/time.ts';

/** One kernel since its boot (proc_sys_kernel(5)), one set of processes in it (pid_namespaces(7)), one user. */
const WHO = 'cat /proc/sys/kernel/random/boot_id && readlink /proc/self/ns/pid && id -u';
const LINES = 3;

/** Equal for one user on one machine; undefined where it cannot be told. Throws TransportError. */
export async function whoAnswers(transport: Transport, timeoutMs: DurationMs): Promise<string | undefined> {
  const { code, stdout } = await transport.run(['sh', '-c', WHO], { timeoutMs });
  return code === 0 && stdout.trim().split('\n').length === LINES ? stdout : undefined;
}

/** A user has these once on a machine: looked at from two hosts, each would take the other's agents for its own. */
const ONCE_A_USER: readonly RuntimeKind[] = ['tmux', 'screen', 'process'];

/** What cannot be used on a host that is the same as `twin`, and why. */
export const withheldBy = (twin: HostName | undefined): ReadonlyMap<RuntimeKind, string> =>
  new Map(twin === undefined ? [] : ONCE_A_USER.map((kind) => [kind, sameAs(twin)]));

/** The end of a sentence about a host. */
export const sameAs = (twin: HostName): string =>
  twin === LOCAL_HOST
    ? 'this is the machine and the user that the controller runs as: agents live here without a host (or declare another user of it)'
    : `host ${twin} leads to the same user on the same machine: declare one of them, or another user`;

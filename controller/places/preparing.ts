/**
 * Owns: the fleet's folders in the home of a host's user, and the mark by which a host is known again: a file of its name in them.
 * Never: makes anything where agents are believed to live and the mark is missing: that is another machine, or another user.
 */
import type { Transport } from '../../adapters/transport/transport.ts';
import type { FleetId, HostName } from '../../api/resources/names.ts';
import type { DurationMs } from '../../api/resources/time.ts';

export interface HostHome {
  readonly fleet: FleetId;
  readonly host: HostName;
  /** Agents that are believed to live there now. */
  readonly living: readonly string[];
  readonly timeoutMs: DurationMs;
}

/** Of a folder that an older version made there is no mark: it is taken for the one it was. */
const PREPARE = `
umask 077
home=$(cd && pwd -P) || exit 1
base=$home/.sac/$1
if [ -n "$3" ] && [ ! -e "$base/hosts/$2" ] && { [ -e "$base/hosts" ] || [ ! -e "$base/run" ]; }; then exit 3; fi
mkdir -p -- "$base/run" "$base/logs" "$base/workspaces" "$base/hosts" || exit 1
touch -- "$base/run/lease" "$base/hosts/$2" || exit 1
printf '%s\\n' "$home"
`;
const STRANGER = 3;
const SHOWN = 3;

/**
 * Makes the fleet's folders below the user's home, private, begins our lease, and returns that home.
 * Throws TransportError when it could not be asked, else Error with what keeps it from being used.
 */
export async function prepareHome(transport: Transport, { fleet, host, living, timeoutMs }: HostHome): Promise<string> {
  const lived = living.length > 0 ? 'lived' : '';
  const { code, stdout, stderr } = await transport.run(['sh', '-c', PREPARE, 'sac-host', fleet, host, lived], {
    timeoutMs,
  });
  if (code === STRANGER) {
    const names = `${living.slice(0, SHOWN).join(', ')}${living.length > SHOWN ? ', ...' : ''}`;
    const mark = `~/.sac/${fleet}/hosts`;
    throw new Error(
      `what answers there is another machine or user than the one that ${living.length === 1 ? 'an agent lives' : `${living.length} agents live`} on (${names}), or its home was emptied; nothing is started there. Declare the one it was. Only if none of them runs anywhere any more, run there: mkdir -p ${mark} && touch ${mark}/${host}`,
    );
  }
  const home = stdout.trim();
  if (code !== 0 || !home.startsWith('/'))
    throw new Error(`its home cannot be used: ${stderr.trim() || `code ${code}`}`);
  return home;
}

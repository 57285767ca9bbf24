/**
 * Owns: what is installed on a machine, found out in one round trip, by any transport; and the words for what is missing.
 * Never: installs anything, or judges whether a host may be used.
 */
import type { DurationMs } from '../../../api/resources/time.ts';
import type { Transport } from '../transport.ts';

const PROGRAMS = ['tmux', 'screen', 'docker', 'podman', 'apptainer', 'sbatch', 'node', 'git', 'setsid'] as const;
type Program = (typeof PROGRAMS)[number];

export interface HostFacts {
  /** As `uname -sm` says. */
  readonly system: string;
  readonly cpus: number;
  /** Version of each program that is there, as it says itself. */
  readonly programs: Readonly<Partial<Record<Program, string>>>;
  readonly latencyMs: DurationMs;
}

/** Each program's own word for its version; one that hangs (docker without an engine does not) is cut off by the deadline. */
const SCRIPT = `
echo "system $(uname -sm)"
echo "cpus $(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 0)"
for program do
  command -v "$program" >/dev/null 2>&1 || continue
  case $program in
    tmux) version=$(tmux -V 2>&1) ;;
    *) version=$("$program" --version 2>&1 </dev/null) ;;
  esac
  printf '%s %s\\n' "program:$program" "$(printf '%s\\n' "$version" | head -n 1)"
done
exit 0
`;

/** Throws TransportError when the machine cannot be asked. */
export async function checkHost(
  transport: Transport,
  { now, timeoutMs }: { readonly now: () => number; readonly timeoutMs: DurationMs },
): Promise<HostFacts> {
  // The way there may have to be made first: that is not its latency.
  await transport.run(['true'], { timeoutMs });
  const before = now();
  await transport.run(['true'], { timeoutMs });
  const latencyMs = now() - before;
  const { stdout } = await transport.run(['sh', '-c', SCRIPT, 'sac-check', ...PROGRAMS], { timeoutMs });
  const said = new Map(
    stdout.split('\n').map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
  );
  const programs: Partial<Record<Program, string>> = {};
  for (const program of PROGRAMS) {
    const version = said.get(`program:${program}`);
    if (version !== undefined) programs[program] = version.trim();
  }
  return { system: said.get('system') ?? '', cpus: Number(said.get('cpus') ?? 0), programs, latencyMs };
}

/** What keeps agents from living there; empty when nothing does. `refused`: runtimes that cannot be used there, and why. */
export function missingOn(
  { system, programs }: HostFacts,
  refused: ReadonlyMap<string, string> = new Map(),
): readonly string[] {
  const missing: string[] = [];
  if (!system.startsWith('Linux'))
    missing.push(`it is not Linux but ${system || 'unknown'}: processes cannot be traced`);
  if (programs.tmux === undefined) missing.push('tmux is not installed: agents with a terminal cannot live there');
  if (programs.setsid === undefined)
    missing.push('setsid (util-linux) is not installed: plain processes cannot live there');
  for (const [kind, why] of refused)
    if (Object.hasOwn(programs, kind)) missing.push(`${kind} is installed and cannot be used: ${why}`);
  return missing;
}

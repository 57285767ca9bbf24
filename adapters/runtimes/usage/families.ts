/**
 * Owns: reading the look at a machine's processes: who belongs to which agent, and what they use together. Pure.
 * Never: signals, or believes that a look which lacks its own process was whole.
 */
import { type FleetId, type InstanceId, instanceId } from '../../../api/resources/names.ts';
import type { FamilyUsage, MachineUsage } from '../machine-usage.ts';

interface Process {
  readonly parent: number;
  readonly session: number;
  readonly ticks: number;
  readonly pages: number;
}

/** Behind the name in /proc/PID/stat: state, parent, group, session, and from there by their numbers in proc(5). */
const FIELD = { parent: 1, session: 3, utime: 11, cutime: 13, cstime: 14, rss: 21 } as const;
/** user, nice, system, irq, softirq of the line `cpu` in /proc/stat. */
const BUSY: readonly number[] = [0, 1, 2, 5, 6];

/**
 * Reads what LOOK in machine-look.ts prints. Undefined when the look is not whole.
 * `roots`: processes that their places told; what carries the fleet's mark is known without.
 */
export function parseUsage(
  text: string,
  fleet: FleetId,
  roots: ReadonlyMap<number, InstanceId>,
): MachineUsage | undefined {
  const lines = text.split('\n');
  const facts = new Map<string, string>();
  const marks = new Map<number, InstanceId>();
  const processes = new Map<number, Process>();
  const prefix = `${fleet}.`;
  let at = 0;
  for (; at < lines.length && lines[at] !== '--'; at++) {
    const line = lines[at] ?? '';
    const space = line.indexOf(' ');
    if (space > 0) facts.set(line.slice(0, space), line.slice(space + 1));
  }
  for (at++; at < lines.length && lines[at] !== '--'; at++) {
    const [, pid, id] = /^(\d+)\/environ:SAC_ID=(.+)$/.exec(lines[at] ?? '') ?? [];
    // Of two variables with one name getenv(3) tells the first.
    if (id?.startsWith(prefix) && !marks.has(Number(pid)))
      marks.set(Number(pid), instanceId(fleet, id.slice(prefix.length)));
  }
  for (at++; at < lines.length; at++) {
    const line = lines[at] ?? '';
    // The command name may hold spaces, parentheses and line breaks; the last ") " of the line ends it.
    const end = line.lastIndexOf(') ');
    const pid = Number.parseInt(line, 10);
    if (end < 0 || !(pid > 0)) continue;
    const fields = line.slice(end + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') continue;
    const number = (field: number): number => Number(fields[field]);
    processes.set(pid, {
      parent: number(FIELD.parent),
      session: number(FIELD.session),
      ticks: number(FIELD.utime) + number(FIELD.utime + 1) + number(FIELD.cutime) + number(FIELD.cstime),
      pages: number(FIELD.rss),
    });
  }
  const fact = (name: string): number => Number.parseFloat(facts.get(name) ?? '');
  if (!processes.has(fact('self'))) return undefined;
  const ticks = fact('tick');
  const cpu = (facts.get('cpu') ?? '').trim().split(/ +/).map(Number);
  const total = fact('MemTotal:') * 1024;
  return {
    uptimeSeconds: fact('uptime'),
    cpus: fact('cpus'),
    cpuSeconds: BUSY.reduce((sum, field) => sum + (cpu[field] ?? 0), 0) / ticks,
    load1m: fact('load'),
    memoryBytes: total - fact('MemAvailable:') * 1024,
    memoryTotalBytes: total,
    families: addUp(processes, ownersOf(processes, marks, roots), ticks, fact('page')),
  };
}

/** A mark of its own, then being a root, then whom the parent belongs to, then whom the session's leader belongs to. */
function ownersOf(
  processes: ReadonlyMap<number, Process>,
  marks: ReadonlyMap<number, InstanceId>,
  roots: ReadonlyMap<number, InstanceId>,
): ReadonlyMap<number, InstanceId | undefined> {
  const owners = new Map<number, InstanceId | undefined>();
  const ownerOf = (pid: number): InstanceId | undefined => {
    if (owners.has(pid)) return owners.get(pid);
    const process = processes.get(pid);
    // Also ends a circle, which pids used anew within one look can make.
    owners.set(pid, marks.get(pid) ?? roots.get(pid));
    if (!process || owners.get(pid) !== undefined) return owners.get(pid);
    const owner = ownerOf(process.parent) ?? (process.session === pid ? undefined : ownerOf(process.session));
    owners.set(pid, owner);
    return owner;
  };
  for (const pid of processes.keys()) ownerOf(pid);
  return owners;
}

function addUp(
  processes: ReadonlyMap<number, Process>,
  owners: ReadonlyMap<number, InstanceId | undefined>,
  ticksPerSecond: number,
  pageBytes: number,
): ReadonlyMap<InstanceId, FamilyUsage> {
  const families = new Map<InstanceId, FamilyUsage>();
  for (const [pid, { ticks, pages }] of processes) {
    const owner = owners.get(pid);
    if (owner === undefined) continue;
    const { cpuSeconds = 0, memoryBytes = 0, processes: count = 0 } = families.get(owner) ?? {};
    families.set(owner, {
      cpuSeconds: cpuSeconds + ticks / ticksPerSecond,
      memoryBytes: memoryBytes + pages * pageBytes,
      processes: count + 1,
    });
  }
  return families;
}

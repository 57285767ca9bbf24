/**
 * Owns: one look at all processes of a machine: which carry our mark, and who belongs to them. Pure parsing.
 * Never: signals anything.
 */
import type { Instant } from '../../../api/resources/time.ts';

export interface MarkedProcess {
  readonly pid: number;
  /** `<fleet>.<instance name>`, as the process carries it. */
  readonly id: string;
  readonly incarnation: Instant;
}

export interface Kinship {
  readonly parent: number;
  /** Process id of the session's leader, who may be gone. */
  readonly session: number;
}

export interface ProcessTable {
  readonly marked: readonly MarkedProcess[];
  /** All living processes. Zombies are left out: they are dead already. */
  readonly living: ReadonlyMap<number, Kinship>;
  /** Who took the look, and who asked for it: never chosen, whatever they carry or descend from. */
  readonly lookers: ReadonlySet<number>;
}

/**
 * Reads what `SCAN` in reaper.ts prints: a line with the pids of the script and its parent, then `PID/environ:SAC_ID=...`
 * and `PID/environ:SAC_INCARNATION=...`, a line `--`, then /proc/PID/stat of all. proc(5).
 * Undefined when the look is not whole: the script must have seen at least itself.
 */
export function parseProcessTable(text: string): ProcessTable | undefined {
  const [first = '', ...lines] = text.split('\n');
  const split = lines.indexOf('--');
  const [script = 0, ...askers] = first.split(' ').map(Number);
  const living = new Map<number, Kinship>();
  for (const line of split < 0 ? [] : lines.slice(split + 1)) {
    // The command name may hold spaces, parentheses and line breaks; the last ") " of the line ends it.
    const match = /^(\d+) \(.*\) ([A-Za-z]) (\d+) \d+ (\d+) /.exec(line);
    if (match && match[2] !== 'Z' && match[2] !== 'X')
      living.set(Number(match[1]), { parent: Number(match[3]), session: Number(match[4]) });
  }
  if (!living.has(script)) return undefined;
  const marked = readMarks(lines.slice(0, split)).filter(({ pid }) => living.has(pid));
  return { marked, living, lookers: new Set([script, ...askers]) };
}

/**
 * The marks alone: what `SCAN` prints down to the line `--`. A zombie has no environment. Undefined when the look is not whole.
 * Who took the look is among them when it carries a mark itself.
 */
export function parseMarks(text: string): readonly MarkedProcess[] | undefined {
  const lines = text.split('\n');
  const split = lines.indexOf('--');
  return split < 0 ? undefined : readMarks(lines.slice(1, split));
}

function readMarks(lines: readonly string[]): readonly MarkedProcess[] {
  const marks = new Map<number, { id?: string; incarnation?: Instant }>();
  for (const line of lines) {
    const match = /^(\d+)\/environ:SAC_(ID|INCARNATION)=(.*)$/.exec(line);
    if (!match) continue;
    const pid = Number(match[1]);
    const mark = marks.get(pid) ?? {};
    // Of two variables with one name getenv(3) tells the first.
    if (match[2] === 'ID') mark.id ??= match[3] ?? '';
    else mark.incarnation ??= Number(match[3]);
    marks.set(pid, mark);
  }
  const marked: MarkedProcess[] = [];
  for (const [pid, { id, incarnation }] of marks)
    if (id !== undefined && incarnation !== undefined && Number.isSafeInteger(incarnation))
      marked.push({ pid, id, incarnation });
  return marked;
}

/**
 * The marked processes that `wanted` picks and the living ones of `roots`, and whoever descends from them or is in a
 * session that one of them leads, also without a mark. A mark of its own wins over descent: an agent may start another's.
 */
export function processesOf(
  { marked, living, lookers }: ProcessTable,
  wanted: (mark: MarkedProcess) => boolean,
  roots: readonly number[] = [],
): readonly number[] {
  const chosen = new Set<number>();
  const others = new Set(lookers);
  for (const mark of marked) {
    if (wanted(mark)) chosen.add(mark.pid);
    else others.add(mark.pid);
  }
  for (const root of roots) if (living.has(root)) chosen.add(root);
  for (const looker of lookers) chosen.delete(looker);
  for (let grew = chosen.size > 0; grew; ) {
    grew = false;
    for (const [pid, { parent, session }] of living) {
      if (chosen.has(pid) || others.has(pid) || !(chosen.has(parent) || chosen.has(session))) continue;
      chosen.add(pid);
      grew = true;
    }
  }
  return [...chosen];
}

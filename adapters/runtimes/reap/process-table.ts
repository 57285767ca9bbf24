/**
 * Owns: one look at all processes of a machine: which carry our mark, and who descends from them. Pure parsing.
 * Never: signals anything.
 */
import type { Instant } from '../../../api/resources/time.ts';

export interface MarkedProcess {
  readonly pid: number;
  /** `<fleet>.<instance name>`, as the process carries it. */
  readonly id: string;
  readonly incarnation: Instant;
}

export interface ProcessTable {
  readonly marked: readonly MarkedProcess[];
  readonly parents: ReadonlyMap<number, number>;
}

/**
 * `SCAN`'s output: `/proc/PID/environ:SAC_ID=...` and `...:SAC_INCARNATION=...` entries, a line `--`, then
 * `PID (comm) STATE PPID ...` lines of /proc/PID/stat. proc(5). Zombies are left out: they are dead already.
 */
export function parseProcessTable(text: string): ProcessTable {
  const split = text.indexOf('\n--\n');
  const marks = new Map<number, { id?: string; incarnation?: Instant }>();
  for (const line of text.slice(0, Math.max(split, 0)).split('\n')) {
    const match = /^\/proc\/(\d+)\/environ:SAC_(ID|INCARNATION)=(.*)$/.exec(line);
    if (!match) continue;
    const pid = Number(match[1]);
    const mark = marks.get(pid) ?? {};
    if (match[2] === 'ID') mark.id ??= match[3] ?? '';
    else mark.incarnation ??= Number(match[3]);
    marks.set(pid, mark);
  }
  const parents = new Map<number, number>();
  for (const line of text.slice(split + 4).split('\n')) {
    // The command name may hold spaces and parentheses; the last ") " ends it.
    const end = line.lastIndexOf(') ');
    const pid = Number.parseInt(line, 10);
    const [state, parent] = line.slice(end + 2).split(' ', 2);
    if (end > 0 && Number.isInteger(pid) && state !== 'Z' && parent !== undefined) parents.set(pid, Number(parent));
  }
  const marked: MarkedProcess[] = [];
  for (const [pid, { id, incarnation }] of marks)
    if (id !== undefined && incarnation !== undefined && Number.isInteger(incarnation) && parents.has(pid)) marked.push({ pid, id, incarnation });
  return { marked, parents };
}

/** The marked processes that `wanted` picks, and all their descendants, also those that cleared their environment. */
export function processesOf({ marked, parents }: ProcessTable, wanted: (mark: MarkedProcess) => boolean): readonly number[] {
  const chosen = new Set(marked.filter(wanted).map(({ pid }) => pid));
  const others = new Set(marked.filter((mark) => !wanted(mark)).map(({ pid }) => pid));
  for (let grew = chosen.size > 0; grew; ) {
    grew = false;
    for (const [pid, parent] of parents) {
      // A descendant with a mark of its own belongs to that mark: an agent that starts another fleet's controller.
      if (chosen.has(pid) || !chosen.has(parent) || others.has(pid)) continue;
      chosen.add(pid);
      grew = true;
    }
  }
  return [...chosen];
}

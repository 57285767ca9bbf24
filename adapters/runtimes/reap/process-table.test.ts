import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MarkedProcess, parseMarks, parseProcessTable, processesOf } from './process-table.ts';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly session?: number;
  readonly mark?: readonly [id: string, incarnation: number];
  readonly comm?: string;
  readonly state?: string;
}
const SCRIPT: Process = { pid: 900, parent: 901 };
const text = (processes: readonly Process[]): string =>
  [
    '900 901',
    ...processes.flatMap(({ pid, mark }) =>
      mark ? [`${pid}/environ:SAC_ID=${mark[0]}`, `${pid}/environ:SAC_INCARNATION=${mark[1]}`] : [],
    ),
    '--',
    ...processes.map(
      ({ pid, parent, session = pid, comm = 'x', state = 'S' }) =>
        `${pid} (${comm}) ${state} ${parent} 1 ${session} 0 -1 4194304`,
    ),
    '',
  ].join('\n');
const parse = (...processes: readonly Process[]) => {
  const table = parseProcessTable(text([SCRIPT, ...processes]));
  if (!table) throw new Error('not whole');
  return table;
};
const web = (mark: MarkedProcess) => mark.id === 'f.web' && mark.incarnation === 1;
const WEB = ['f.web', 1] as const;

describe('parseProcessTable', () => {
  it('reads marks and kinship, whatever a command calls itself, and leaves zombies out', () => {
    const table = parse(
      { pid: 10, parent: 1, mark: WEB, comm: 'a) S 1 (b' },
      { pid: 11, parent: 10, session: 10, state: 'Z', mark: WEB },
    );
    expect(table.marked).toEqual([{ pid: 10, id: 'f.web', incarnation: 1 }]);
    expect(table.living.get(10)).toEqual({ parent: 1, session: 10 });
    expect(table.living.has(11)).toBe(false);
  });

  it.each(['', '900 901\n', '900 901\n--\n', text([{ pid: 10, parent: 1 }])])(
    'takes no look that is not whole: %j',
    (broken) => {
      expect(parseProcessTable(broken)).toBeUndefined();
    },
  );

  it('reads the marks alone, of a look that holds no more', () => {
    const whole = text([SCRIPT, { pid: 10, parent: 1, mark: WEB }]);
    const alone = whole.slice(0, whole.indexOf('--\n') + 3);
    expect(parseMarks(alone)).toEqual([{ pid: 10, id: 'f.web', incarnation: 1 }]);
    expect(parseMarks('900 901\n--\n')).toEqual([]);
    expect(parseMarks(alone.replace('--\n', ''))).toBeUndefined();
    expect(parseMarks('')).toBeUndefined();
  });

  it('takes the first of doubled variables, as getenv does, and no half mark', () => {
    const twice = text([SCRIPT, { pid: 10, parent: 1, mark: WEB }]).replace(
      '--',
      '10/environ:SAC_ID=f.other\n12/environ:SAC_ID=f.web\n--',
    );
    expect(parseProcessTable(twice)?.marked).toEqual([{ pid: 10, id: 'f.web', incarnation: 1 }]);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('1', ' ', '(', ')', '\n', '-', '/environ:', 'SAC_ID=', 'S') }),
        (any) => void parseProcessTable(any),
      ),
    );
  });
});

describe('processesOf', () => {
  it('takes descendants and session members without a mark, and nobody else', () => {
    const table = parse(
      { pid: 10, parent: 1, mark: WEB },
      { pid: 11, parent: 10, session: 10 },
      { pid: 12, parent: 11, session: 12 },
      { pid: 13, parent: 1, session: 10 },
      { pid: 20, parent: 1, mark: ['f.web', 2] },
      { pid: 21, parent: 10, mark: ['f.db', 1] },
      { pid: 22, parent: 21 },
      { pid: 30, parent: 1 },
    );
    expect([...processesOf(table, web)].sort()).toEqual([10, 11, 12, 13]);
  });

  it('takes living roots although they carry no mark, and does not invent dead ones', () => {
    const table = parse({ pid: 10, parent: 1 }, { pid: 11, parent: 10 });
    expect([...processesOf(table, web, [10, 99])].sort()).toEqual([10, 11]);
  });

  it('never takes the script, nor the controller that asked, even if an agent of ours started it', () => {
    const table = parse(
      { pid: 10, parent: 1, mark: WEB },
      { pid: 901, parent: 10, session: 10, mark: WEB },
      { pid: 902, parent: 901, session: 902 },
    );
    expect([...processesOf(table, web)]).toEqual([10]);
  });

  it('is closed: nobody left out has a chosen parent or leader, except those of another mark', () => {
    const process = fc.record({
      parent: fc.nat(30),
      session: fc.nat(30),
      mark: fc.option(fc.constantFrom(WEB, ['f.db', 1] as const), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(process, { maxLength: 30 }), (rows) => {
        const processes = rows.map(({ mark, ...row }, pid) => ({ pid, ...row, ...(mark && { mark }) }));
        const chosen = new Set(processesOf(parse(...processes), web));
        for (const { pid } of processes) expect(chosen.has(pid)).toBe(hasWay(pid, processes));
      }),
    );
  });
});

/** A marked process is reached by going up: parents and leaders, without passing another's mark. */
function hasWay(from: number, processes: readonly Process[], seen = new Set<number>()): boolean {
  if (seen.has(from)) return false;
  seen.add(from);
  const at = processes[from];
  if (!at) return false;
  if (at.mark) return at.mark === WEB;
  return hasWay(at.parent, processes, seen) || hasWay(at.session ?? from, processes, seen);
}

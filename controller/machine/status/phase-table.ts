/**
 * Owns: the table phase x gap -> phase and effects, as Markdown: reviewed as a diff whenever the machine changes.
 * Never: is used by the controller.
 */

import { type InstanceId, LOCAL_HOST } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import type { DesiredInstance } from '../../plan/desired-instance.ts';
import { decide } from '../decide.ts';
import { findGap, GAP_TYPES, type GapType } from '../gap.ts';
import type { Reading } from '../onboarding.ts';
import type { DecideInput, Decision, MachineSnapshot, Memory, PlacedSighting, SnapshotPhase } from '../snapshot.ts';

const WORKING: Reading = { at: 0, since: 0, activity: 'working', reason: '', matchesReady: true };

const NOW: Instant = 1_000_000;
const STARTED: Instant = 500_000;
const EARLIER: Instant = 400_000;
const PLACE = { host: LOCAL_HOST, runtime: 'tmux' } as const;

export const PHASES: readonly SnapshotPhase[] = [
  'Pending',
  'Queued',
  'Starting',
  'Running',
  'Stopping',
  'Stopped',
  'Backoff',
  'Succeeded',
  'Failed',
];

export const desiredExample: DesiredInstance = {
  id: 'f1ee7000.web' as InstanceId,
  name: 'web',
  agent: 'web',
  generation: 1,
  place: PLACE,
  launch: {
    argv: ['run'],
    env: {},
    envFiles: [],
    cwd: '/',
    preStart: [],
    postStart: [],
    options: { tmux: { width: 80, height: 24, historyLimit: 0 }, process: { logMaxBytes: 1, logFiles: 1 } },
  },
  launchHash: 'declared',
  want: 'run',
  restart: { policy: 'on-failure', maxRetries: 3, initialMs: 1000, maxMs: 60_000, multiplier: 2 },
  update: { strategy: 'OnIdle', maxWaitMs: 60_000 },
  readsActivity: true,
  minReadyMs: 0,
  graceMs: 10_000,
  hooks: { preStop: [], postStop: [], onRestart: [], onDiff: [], onCompact: [], preStartUrls: [], postStartUrls: [] },
};

const running: PlacedSighting = {
  place: PLACE,
  incarnation: STARTED,
  launchHash: 'declared',
  state: 'running',
  session: 'web',
  startedAt: STARTED,
};

/** The memory that belongs to a phase. `stop` and `lastExit` are about the current incarnation where the phase has them. */
function memoryIn(phase: SnapshotPhase): Memory {
  const base: Memory = { attempts: 0, restarts: 0, observedGeneration: 1 };
  const known: Memory = { ...base, incarnation: STARTED, place: PLACE };
  const lastExit = { code: 1, at: NOW - 10, reason: 'Error', incarnation: STARTED } as const;
  switch (phase) {
    case 'Pending':
      return { attempts: 0, restarts: 0, observedGeneration: 0 };
    case 'Queued':
    case 'Starting':
      return known;
    case 'Running':
      return { ...known, liveSince: STARTED, readySince: STARTED };
    case 'Stopping':
      return {
        ...known,
        liveSince: STARTED,
        stop: { incarnation: STARTED, since: NOW - 5_000, killAt: NOW + 5_000, askedAt: NOW - 5_000, why: 'delete' },
      };
    case 'Stopped':
      return { ...known, lastExit: { ...lastExit, reason: 'Stopped' } };
    case 'Backoff':
      return { ...known, attempts: 1, restarts: 1, lastExit, notBefore: NOW + 500 };
    case 'Succeeded':
      return {
        ...known,
        lastExit: { ...lastExit, code: 0, reason: 'Completed' },
        finalFor: 1,
        finalReason: 'Completed',
      };
    case 'Failed':
      return { ...known, lastExit, finalFor: 1, finalReason: 'CrashLoop' };
  }
}

/** What has to be wanted and seen, in this phase, for this gap. Undefined: it cannot be met there. */
function situation(phase: SnapshotPhase, gap: GapType): Pick<DecideInput, 'desired' | 'observed'> | undefined {
  const seen = (...sightings: PlacedSighting[]): DecideInput['observed'] => ({ kind: 'seen', sightings });
  const fresh: PlacedSighting =
    memoryIn(phase).lastExit || phase === 'Stopping' ? { ...running, incarnation: STARTED + 1000 } : running;
  const corpse = (of: PlacedSighting): PlacedSighting => ({ ...of, state: 'exited', exit: { code: 1, at: NOW - 10 } });
  const { place: _, ...unplaced } = desiredExample;
  const gone: DesiredInstance = { ...desiredExample, want: 'gone' };
  const candidates: Record<GapType, Pick<DecideInput, 'desired' | 'observed'>> = {
    unplaced: { desired: { ...unplaced, unplaced: 'nowhere' }, observed: seen() },
    missing: { desired: desiredExample, observed: seen() },
    queued: { desired: desiredExample, observed: seen({ ...fresh, state: 'queued' }) },
    live: { desired: desiredExample, observed: seen(fresh) },
    drifted: {
      desired: { ...desiredExample, update: { strategy: 'OnDelete', maxWaitMs: 0 } },
      observed: seen({ ...fresh, launchHash: 'other', reading: WORKING }),
    },
    surplus: { desired: gone, observed: seen(fresh) },
    leaving: { desired: gone, observed: seen(running) },
    exited: { desired: desiredExample, observed: seen(corpse(phase === 'Stopping' ? running : fresh)) },
    corpse: { desired: gone, observed: seen(corpse(running)) },
    gone: { desired: gone, observed: seen() },
    stale: { desired: desiredExample, observed: seen({ ...running, incarnation: EARLIER }) },
  };
  const candidate = candidates[gap];
  if (candidate.observed.kind === 'unknown') return undefined;
  const found = findGap(candidate.desired, candidate.observed.sightings, memoryIn(phase), NOW);
  return found.type === gap ? candidate : undefined;
}

/** The decision, asked again once where a single look is doubted. */
export function decideIn(
  phase: SnapshotPhase,
  gap: GapType,
): { readonly decision: Decision; readonly doubted: boolean } | undefined {
  const met = situation(phase, gap);
  if (!met) return undefined;
  const snapshot: MachineSnapshot = { phase, memory: memoryIn(phase), conditions: [] };
  const first = decide({ id: desiredExample.id, ...met, snapshot, now: NOW });
  if (!first.lookAgain) return { decision: first, doubted: false };
  return {
    decision: decide({ id: desiredExample.id, ...met, snapshot: first.snapshot, now: NOW + 4_000 }),
    doubted: true,
  };
}

function cell(phase: SnapshotPhase, gap: GapType): string {
  const found = decideIn(phase, gap);
  if (!found) return '';
  const { decision, doubted } = found;
  const effects = decision.effects.map(({ type }) => type).join(', ');
  const to = decision.snapshot.phase === phase ? '=' : decision.snapshot.phase;
  return `${doubted ? '? ' : ''}${to}${effects ? ` **${effects}**` : ''}`;
}

export function phaseTable(): string {
  const header = `| phase | ${GAP_TYPES.join(' | ')} | *unknown* |`;
  const rule = `|---|${GAP_TYPES.map(() => '---|').join('')}---|`;
  const rows = PHASES.map((phase) => `| **${phase}** | ${GAP_TYPES.map((gap) => cell(phase, gap)).join(' | ')} | = |`);
  return [
    '# Phase × gap',
    '',
    'Generated by `controller/machine/status/phase-table.ts`; `npx vitest run controller/machine -u` writes it anew, and the difference is',
    'reviewed. Rows: what is remembered. Columns: what wanted and seen differ by, as `controller/machine/gap.ts` names it. A cell is',
    'the next phase (`=`: the same) and **effects**. `?`: a single look is doubted first, and the cell is what a second look decides.',
    'Empty: cannot be met in that phase. An *unknown* world decides nothing, in any phase.',
    'The example: restart policy `on-failure` with retries left, exit code 1, the backoff not over.',
    '',
    header,
    rule,
    ...rows,
    '',
  ].join('\n');
}

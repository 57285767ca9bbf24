/**
 * Owns: one run of the scenario, with the faults of some plans or none, and its comparison with the run that had none.
 * Never: looks for error messages; a fault may be noisy, it may not change what comes of it.
 */
import type { RuntimeKind } from '../../../api/resources/agent/agent.ts';
import { until } from '../../harness.ts';
import { readJournal } from '../controller/injector.ts';
import type { Fault, JournalEntry, PlantedBug } from '../controller/orders.ts';
import { SupervisedFleet } from '../supervised-fleet.ts';
import { EFFECTS, effectOf, type Plan, type PointKey, planName } from './plan.ts';
import { clearAway, isSettled, play, SWEPT } from './scenario.ts';
import { type Facts, factsOf, readDiary, type Sampler } from './world.ts';

export interface Reference {
  readonly runtime: RuntimeKind;
  readonly points: readonly PointKey[];
  readonly rest: Facts;
  readonly diary: Facts;
  /** After everything was deleted and the controller was stopped. */
  readonly end: Facts;
}

export interface Setting {
  readonly program: string;
  readonly sampler: Sampler;
  readonly bug?: PlantedBug;
  /** How long a step may take to settle; generous, for what is slow is not wrong. */
  readonly deadlineMs?: number;
}

const RESYNC = '1s';
/** Each resync ends in a sweep; a fault may outlast one. */
const QUIET_SWEEPS = 2;
/** Of a controller, besides one a fault. */
const SPARE_STARTS = 4;

interface Lived extends Omit<Reference, 'runtime'> {
  readonly problems: readonly string[];
  readonly struck: readonly PointKey[];
}

/** Throws when the fault-free run itself breaks a property. */
export async function runReference(runtime: RuntimeKind, setting: Setting): Promise<Reference> {
  const { problems, points, rest, diary, end } = await live(runtime, [], setting);
  const missing = EFFECTS.filter((effect) => !points.some((point) => effectOf(point) === effect));
  if (missing.length > 0) problems.push(`the scenario never does: ${missing.join(', ')}`);
  if (problems.length > 0) throw new Error(`the reference run on ${runtime} is broken: ${problems.join('; ')}`);
  return { runtime, points, rest, diary, end };
}

/** What the plans, carried out in one run, show to be wrong; nothing when all is well. */
export async function runPlansAtOnce(
  plans: readonly Plan[],
  reference: Reference,
  setting: Setting,
): Promise<readonly string[]> {
  const faults = plans.map(({ point, kind }) => ({ point, kind }));
  let lived: Lived;
  try {
    lived = await live(reference.runtime, faults, setting, reference);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  return [
    ...lived.problems,
    ...plans
      .filter(({ point }) => !lived.struck.includes(point))
      .map((plan) => `the fault of ${planName(plan)} never struck: the run did not come to its point`),
    ...differences('at rest', reference.rest, lived.rest),
    ...differences('in the diaries', reference.diary, lived.diary),
    ...differences('after everything was deleted', reference.end, lived.end),
  ];
}

async function live(
  runtime: RuntimeKind,
  faults: readonly Fault[],
  { program, sampler, bug, deadlineMs = 120_000 }: Setting,
  reference?: Reference,
): Promise<Lived & { problems: string[] }> {
  await using fleet = new SupervisedFleet({
    program,
    flags: ['--resync', RESYNC],
    orders: { sweeps: SWEPT, runtimes: [runtime], faults, ...(bug && { bug }) },
    maxStarts: faults.length + SPARE_STARTS,
  });
  const problems: string[] = [];
  await play({ fleet, runtime, deadlineMs });
  const rest = await restOf(fleet, reference?.rest, deadlineMs);
  const { facts: diary } = readDiary(fleet);
  const points = pointsOf(readJournal(fleet.journal));
  await clearAway({ fleet, runtime, deadlineMs });
  const code = await fleet.stop();
  if (code !== 0) problems.push(`the controller ended with code ${code} when asked to stop`);
  const end = await endOf(fleet);
  problems.push(
    // tmux itself leaves the socket file of a server that ended: compared, not held against us.
    ...end.filter((fact) => /^(?:process|helper|session|temporary)/.test(fact)).map((fact) => `left over: ${fact}`),
    ...readDiary(fleet).doubles,
    ...sampler.doublesOf(fleet.fleetId),
    ...fleet.findings,
  );
  const struck = readJournal(fleet.journal).flatMap((entry) => (entry.what === 'struck' ? [entry.point] : []));
  return { problems, points, rest, diary, end, struck };
}

/** Facts once nothing was done over some resyncs; waits for the expected ones while they may still come. */
async function restOf(fleet: SupervisedFleet, expected: Facts | undefined, deadlineMs: number): Promise<Facts> {
  const give = Date.now() + deadlineMs / 2;
  let from = readJournal(fleet.journal).length;
  let last: Facts = [];
  await until(
    'nothing to move any more',
    async () => {
      const since = readJournal(fleet.journal).slice(from);
      if (since.some((entry) => isEffect(entry))) {
        from += since.findLastIndex((entry) => isEffect(entry)) + 1;
        return false;
      }
      if (since.filter(({ what }) => what === 'swept').length < QUIET_SWEEPS) return false;
      const agents = await fleet.agents();
      const facts = await factsOf(fleet, agents);
      const still = facts.join('\n') === last.join('\n');
      last = facts;
      if (!still || !agents.every(isSettled)) return false;
      return !expected || differences('', expected, facts).length === 0 || Date.now() > give;
    },
    deadlineMs,
  );
  return last;
}

/** Facts once nothing runs any more: a tmux server whose last session was ended takes a moment to leave. */
async function endOf(fleet: SupervisedFleet): Promise<Facts> {
  let last: Facts = [];
  await until(
    'all to be gone',
    async () => {
      last = await factsOf(fleet, []);
      return last.every((fact) => !/^(?:process|helper|session)/.test(fact));
    },
    5_000,
  ).catch(() => undefined);
  return last;
}

const isEffect = (entry: JournalEntry): boolean => entry.what === 'begin' && effectOf(entry.point) !== 'sweep';

const pointsOf = (journal: readonly JournalEntry[]): readonly PointKey[] => [
  ...new Set(journal.flatMap((entry) => (entry.what === 'begin' ? [entry.point] : []))),
];

function differences(where: string, expected: Facts, actual: Facts): readonly string[] {
  const missing = [...expected];
  const extra: string[] = [];
  for (const fact of actual) {
    const at = missing.indexOf(fact);
    if (at >= 0) missing.splice(at, 1);
    else extra.push(fact);
  }
  return [...missing.map((fact) => `${where} missing: ${fact}`), ...extra.map((fact) => `${where} besides: ${fact}`)];
}

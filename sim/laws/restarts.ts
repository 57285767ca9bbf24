/**
 * Owns: the restart policy as the manifest promises it, worked out a second time from what really happened in the world.
 * Never: shares code or memory with the machine it judges. Where an edit or a lost database leaves room, counts are ranges.
 */
import type { AgentSpec } from '../../api/resources/agent/agent.ts';
import { type InstanceId, instanceNameOf } from '../../api/resources/names.ts';
import { durationMs } from '../../api/resources/time.ts';
import type { Stage } from '../world/stage.ts';
import type { Run } from '../world/world.ts';
import type { Allowances } from './allowances.ts';
import { slotsOf } from './expectations.ts';

/** Jitter may add this share, no more. */
const JITTER = 0.1;
/** What look, save and start may take on top, in a run without faults. */
const LATENCY_MS = 150;

/** A start may stay unseen for this long. */
const UNSEEN_MS = 1_000;
const UNSEEN_WITH_FAULTS_MS = 60_000;

/** An edit may fall between a pass's reading of it and the decision. */
const LOOK_MS = 10;

interface Range {
  readonly least: number;
  readonly most: number;
}

export interface Circumstances {
  /** Every edit met a fleet at rest. */
  readonly calm: boolean;
  readonly faults: boolean;
}

export function checkRestarts(
  { world, door }: Stage,
  { retriesForgotten }: Allowances,
  { calm, faults }: Circumstances,
): readonly string[] {
  const problems: string[] = [];
  const slots = slotsOf(door.declared);
  for (const [id, runs] of world.runs) {
    const agent = agentOf(
      id,
      door.log.map(({ name }) => name),
    );
    const edits = door.log.filter(({ name }) => name === agent);
    const says = (problem: string) => problems.push(`(4) ${instanceNameOf(id)}: ${problem}`);
    let retries: Range = { least: 0, most: 0 };
    runs.forEach((run, n) => {
      const next = runs[n + 1];
      const until = next?.startedAt ?? Number.POSITIVE_INFINITY;
      if (run.endedAt === undefined) return;
      // Two at once is for another property to judge; the second is no restart of the first.
      if (until < run.endedAt) return;
      const untouched = edits.every(({ at }) => at < run.incarnation - (calm ? 0 : LOOK_MS) || at > until);
      // Gone without a trace before anybody can have seen it: for all that can be known it never started.
      const unseen = run.vanished && run.endedAt - run.startedAt < (faults ? UNSEEN_WITH_FAULTS_MS : UNSEEN_MS);
      // How it ended may never have been seen.
      const unread = run.corpseLost === true && !calm;
      if (!untouched || run.asked || unseen || unread) {
        const least = untouched && !run.asked ? retries.least : 0;
        retries = { least, most: retries.most + 1 };
        return;
      }
      const spec = edits.findLast(({ at }) => at < run.incarnation)?.spec;
      if (!spec) return;
      const forgiven = lastedBeyond(run, spec);
      if (forgiven === 'yes') retries = { least: 0, most: 0 };
      if (forgiven === 'maybe') retries = { ...retries, least: 0 };
      // Without the database nobody knows of earlier retries.
      if (retriesForgotten) retries = { ...retries, least: 0 };
      const verdict = judge(run, spec, retries);
      if (next) {
        if (verdict === 'stays')
          says(
            `started again at ${next.startedAt} although ${describe(run)}, policy ${spec.restart.policy}, ${retries.least} of ${spec.restart.maxRetries} retries spent`,
          );
        else checkWait(run, next, spec, retries, !faults && calm, says);
      } else if (verdict === 'again' && slots.has(id) && !spec.suspend)
        says(
          `not started again although ${describe(run)}, policy ${spec.restart.policy}, ${retries.most} of ${spec.restart.maxRetries} retries spent`,
        );
      retries = { least: retries.least + 1, most: retries.most + 1 };
    });
  }
  return problems;
}

/** Whether it was ready for at least backoff.max. Readiness is noticed a little late, so that just about is a maybe. */
function lastedBeyond(run: Run, spec: AgentSpec): 'yes' | 'no' | 'maybe' {
  const ready = (run.endedAt ?? run.startedAt) - run.startedAt - spec.startup.minReadySeconds * 1000;
  const needed = Math.max(1000, durationMs(spec.restart.backoff.max));
  if (ready >= needed + 10_000) return 'yes';
  return ready >= needed - LATENCY_MS ? 'maybe' : 'no';
}

function judge(run: Run, { restart }: AgentSpec, { least, most }: Range): 'again' | 'stays' | 'either' {
  const completed = !run.vanished && run.exit !== undefined && 'code' in run.exit && run.exit.code === 0;
  if (restart.policy === 'never' || (restart.policy === 'on-failure' && completed)) return 'stays';
  if (least >= restart.maxRetries) return 'stays';
  return most < restart.maxRetries ? 'again' : 'either';
}

function checkWait(
  run: Run,
  next: Run,
  spec: AgentSpec,
  { least, most }: Range,
  exact: boolean,
  says: (problem: string) => void,
): void {
  const { initial, max, multiplier } = spec.restart.backoff;
  const base = (retry: number) => Math.min(durationMs(max), durationMs(initial) * multiplier ** retry);
  const waited = next.startedAt - (run.endedAt ?? run.startedAt);
  if (waited < base(least))
    says(`started again ${waited} ms after ${describe(run)}; backoff is at least ${base(least)} ms (retry ${least})`);
  const limit = base(most) * (1 + JITTER) + LATENCY_MS;
  if (exact && waited > limit)
    says(`started again only ${waited} ms after ${describe(run)}; backoff is at most ${limit} ms (retry ${most})`);
}

const describe = (run: Run): string =>
  run.vanished ? `it vanished at ${run.endedAt}` : `it ended at ${run.endedAt} with ${JSON.stringify(run.exit)}`;

/** The agent whose instance this is: its own name, or the name before `-<n>`; an agent may be named like another's replica. */
function agentOf(id: InstanceId, names: readonly string[]): string {
  const name = instanceNameOf(id);
  return names.includes(name) ? name : name.replace(/-\d+$/, '');
}

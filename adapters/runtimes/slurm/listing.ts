/**
 * Owns: reading the slurm runtime's listing: claims, jobs and ends, joined into sightings. Pure.
 * Never: guesses: a line that is not whole is no sighting, a job that was submitted and not released has not been started.
 */
import type { ExitCause } from '../../../api/resources/agent/agent.ts';
import { type FleetId, fleetOf, type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import { type Instant, isoTime } from '../../../api/resources/time.ts';
import { exitFromStatus } from '../process/listing.ts';
import type { Sighting } from '../runtime.ts';
import { type JobMark, parseMark } from './mark.ts';

export interface Job extends JobMark {
  readonly job: number;
  readonly state: string;
  /** Began, or is expected to begin. */
  readonly startAt: Instant | undefined;
  readonly endAt: Instant | undefined;
  readonly nodes: string;
  readonly reason: string;
}

interface Claim extends JobMark {
  readonly name: string;
  readonly jobs: readonly number[];
  readonly released: readonly number[];
}

interface End {
  readonly incarnation: Instant;
  readonly status: number | undefined;
  readonly at: Instant;
  readonly why: string;
}

export interface Listing {
  readonly sightings: readonly Sighting[];
  /** Claims whose job has not been released, or never was submitted: the start was cut short. */
  readonly unfinished: ReadonlyMap<InstanceId, JobMark>;
  /** Something is about to change that nobody will tell of: look again soon. */
  readonly unsettled: readonly InstanceId[];
}

/** The record of an end may reach us this long after the job's own end: attributes are cached on shared file systems. */
const RECORD_LAG_MS = 5_000;
const WAITING = new Set(['PENDING', 'REQUEUED', 'REQUEUE_HOLD', 'REQUEUE_FED', 'SPECIAL_EXIT', 'RESV_DEL_HOLD']);
const CAUSES: Readonly<Record<string, ExitCause>> = {
  PREEMPTED: 'Preempted',
  TIMEOUT: 'TimedOut',
  DEADLINE: 'TimedOut',
  NODE_FAIL: 'NodeFailed',
  BOOT_FAIL: 'NodeFailed',
  CANCELLED: 'Cancelled',
  REVOKED: 'Cancelled',
  OUT_OF_MEMORY: 'OOMKilled',
  // The job was told to end, and SLURM has forgotten why by now.
  TERM: 'Cancelled',
};
const OVER = new Set(['COMPLETED', 'FAILED', ...Object.keys(CAUSES)]);

export function parseListing(text: string, fleet: FleetId): Listing {
  const claims: Claim[] = [];
  const jobs: Job[] = [];
  const children = new Map<string, { readonly job: number; readonly pid: number }>();
  const ends = new Map<string, End>();
  let now = 0;
  for (const line of text.split('\n')) {
    const at = line.indexOf(' ');
    const rest = line.slice(at + 1);
    switch (line.slice(0, at)) {
      case 'claim':
        claims.push(...parseClaim(rest, fleet));
        break;
      case 'job':
        jobs.push(...parseJob(rest, fleet));
        break;
      case 'child': {
        const [name = '', job, pid] = rest.split(' ');
        if (Number(pid) > 0) children.set(name, { job: Number(job), pid: Number(pid) });
        break;
      }
      case 'exit': {
        const match = /^(\S+) (\d+) (\d+|-) (\d+) (\S+)$/.exec(rest);
        if (match)
          ends.set(match[1] ?? '', {
            incarnation: Number(match[2]),
            status: match[3] === '-' ? undefined : Number(match[3]),
            at: Number(match[4]) * 1000,
            why: match[5] ?? '-',
          });
        break;
      }
      case 'now':
        now = Number(rest) * 1000;
        break;
    }
  }
  return join(claims, jobs, children, ends, now);
}

function parseClaim(rest: string, fleet: FleetId): readonly Claim[] {
  const match = /^(\S+) (\S+) (\d+) ([0-9a-f]+) ([\d,]+) ([\d,]+)$/.exec(rest);
  if (!match) return [];
  const [, name = '', rawId = '', incarnation, launchHash = '', jobs = '', released = ''] = match;
  const id = rawId as InstanceId;
  if (fleetOf(id) !== fleet || instanceNameOf(id) !== name) return [];
  const numbers = (list: string) => list.split(',').filter(Boolean).map(Number);
  return [{ name, id, incarnation: Number(incarnation), launchHash, jobs: numbers(jobs), released: numbers(released) }];
}

function parseJob(rest: string, fleet: FleetId): readonly Job[] {
  const [job, state = '', start, _submitted, end, nodes = '', reason = '', ...comment] = rest.split('|');
  const mark = parseMark(comment.join('|'), fleet);
  if (!mark || !Number.isInteger(Number(job))) return [];
  return [{ ...mark, job: Number(job), state, startAt: seconds(start), endAt: seconds(end), nodes, reason }];
}

const seconds = (text = ''): Instant | undefined => (/^\d+$/.test(text) ? Number(text) * 1000 : undefined);

function join(
  claims: readonly Claim[],
  jobs: readonly Job[],
  children: ReadonlyMap<string, { readonly job: number; readonly pid: number }>,
  ends: ReadonlyMap<string, End>,
  now: Instant,
): Listing {
  const sightings: Sighting[] = [];
  const unfinished = new Map<InstanceId, JobMark>();
  const unsettled: InstanceId[] = [];
  const claimed = new Map(claims.map((claim) => [claim.id, claim]));
  for (const id of new Set([...claimed.keys(), ...jobs.map((job) => job.id)])) {
    const claim = claimed.get(id);
    const mine = jobs.filter((job) => job.id === id).sort((a, b) => a.job - b.job);
    // Without a claim its files were lost: what still lives is all there is to tell. What is completing was cleared away.
    const newest = mine.filter(({ state }) => !OVER.has(state) && state !== 'COMPLETING').at(-1);
    const mark = claim ?? newest;
    if (!mark) continue;
    const own = mine.filter((job) => job.incarnation === mark.incarnation);
    const living = own.filter((job) => !OVER.has(job.state) && !isHalfSubmitted(job, claim));
    const base = {
      id,
      incarnation: mark.incarnation,
      launchHash: mark.launchHash,
      session: instanceNameOf(id),
    };
    const recorded = ends.get(instanceNameOf(id));
    const end = recorded?.incarnation === mark.incarnation ? recorded : undefined;
    const running = living.find((job) => !WAITING.has(job.state));
    // Its last word is not spoken yet: the job's final state says why.
    const ending = running?.state === 'COMPLETING' && end?.why === 'TERM';
    if (end && !ending) {
      sightings.push({ ...base, state: 'exited', ...beginning(own), exit: exitOf(end, own.at(-1)) });
    } else if (running) {
      const child = children.get(instanceNameOf(id));
      const up = claim === undefined || child?.job === running.job;
      if (ending || running.state === 'COMPLETING') unsettled.push(id);
      sightings.push({
        ...base,
        ...(up
          ? { state: 'running' as const, ...beginning([running]) }
          : { state: 'queued' as const, detail: `SLURM job ${running.job} begins on ${running.nodes}.` }),
        ...(up && running.state === 'COMPLETING' && { detail: completing(running) }),
        ...(up && child && { pid: child.pid }),
      });
    } else if (living[0]) {
      // Not looked at by the scheduler yet: the reason is still to come.
      if (living[0].reason === 'None') unsettled.push(id);
      sightings.push({ ...base, state: 'queued', detail: queueText(living[0]) });
    } else if (claim && claim.released.length === 0 && own.every((job) => !OVER.has(job.state))) {
      unfinished.set(id, claim);
    } else {
      const last = own.at(-1);
      if (last && (last.endAt ?? 0) + RECORD_LAG_MS > now && !(last.state in CAUSES)) {
        unsettled.push(id);
        sightings.push({ ...base, state: 'running', ...beginning([last]) });
      } else
        sightings.push({
          ...base,
          state: 'exited',
          ...beginning(own),
          exit: {
            ...(last?.endAt !== undefined && { at: last.endAt }),
            ...causeOf(last?.state),
          },
        });
    }
  }
  return { sightings, unfinished, unsettled };
}

/** Submitted held, and not yet released by us: a start that was cut short, or a successor about to be released. */
const isHalfSubmitted = (job: Job, claim: Claim | undefined): boolean =>
  job.state === 'PENDING' && job.reason === 'JobHeldUser' && claim !== undefined && !claim.released.includes(job.job);

const beginning = (jobs: readonly Job[]): Pick<Sighting, 'startedAt'> => {
  const startAt = jobs.at(-1)?.startAt;
  return startAt === undefined ? {} : { startedAt: startAt };
};

const causeOf = (state: string | undefined): { readonly cause?: ExitCause } => {
  const cause = state === undefined ? undefined : CAUSES[state];
  return cause === undefined ? {} : { cause };
};

/** SLURM's last word about the job wins over what the job could guess of it. */
function exitOf({ status, at, why }: End, last: Job | undefined): NonNullable<Sighting['exit']> {
  const ended = last && OVER.has(last.state) && last.state in CAUSES && why === 'TERM' ? last.state : why;
  return { ...(status !== undefined && exitFromStatus(status)), at, ...causeOf(ended) };
}

/** Cancelled as far as SLURM is concerned, and no other order changes that: its node has yet to say that nothing is left. */
const completing = ({ job, nodes }: Job): string =>
  `SLURM job ${job} is COMPLETING on ${nodes}: the node does not answer, or a process there cannot be killed (\`sinfo -R\`).`;

function queueText({ job, reason, startAt }: Job): string {
  const expected = startAt === undefined ? '' : ` Expected start: ${isoTime(startAt)}.`;
  return `SLURM job ${job} waits: ${reason}.${expected}`;
}

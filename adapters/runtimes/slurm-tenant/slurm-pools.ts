/**
 * Owns: pools as SLURM tells them: reading its queue, asking for allocations, giving them back.
 * Never: keeps anything between two looks, or touches a job without our mark.
 */
import type { FleetId } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { type RunResult, type Transport, TransportError } from '../../transport/transport.ts';
import { type PoolJob, type PoolOrder, type Pools, parsePoolMark, renderPoolMark } from '../pool.ts';
import { type RuntimeContext, RuntimeError } from '../runtime.ts';
import { LIST, poolRoot, renderPoolScript, SUBMIT } from './scripts.ts';

const SLURM_TIMEOUT_MS = 60_000;
/** Exit code of our scripts when SLURM did not answer. */
const NO_ANSWER = 3;
const WAITING: ReadonlySet<string> = new Set(['PENDING', 'CONFIGURING', 'REQUEUED', 'REQUEUE_HOLD', 'SUSPENDED']);

export function createSlurmPools({ fleet, dirs }: RuntimeContext): Omit<Pools, 'living'> {
  const root = poolRoot(dirs);
  return {
    async list(t) {
      const { stdout } = answered(await run(t, ['sh', '-c', LIST, 'sac-pools', root, dirs.logs]));
      return parsePools(stdout, fleet);
    },
    async submit(t: Transport, order: PoolOrder) {
      const stdin = renderPoolScript(fleet, order, dirs);
      const args = [root, dirs.logs, renderPoolMark(fleet, order), ...order.known.map(String)];
      const { stdout } = answered(await run(t, ['sh', '-c', SUBMIT, 'sac-pool', ...args], stdin));
      return Number(stdout.trim());
    },
    async cancel(t, jobs) {
      if (jobs.length > 0) answered(await run(t, ['scancel', ...jobs.map(String)]), /Invalid job id|already complet/);
    },
  };
}

const run = (t: Transport, argv: readonly string[], stdin?: string): Promise<RunResult> =>
  t.run(argv, { timeoutMs: SLURM_TIMEOUT_MS, ...(stdin !== undefined && { stdin }) });

function answered(result: RunResult, harmless?: RegExp): RunResult {
  const { code, stderr } = result;
  const why = stderr.trim().split('\n').at(-1) ?? '';
  if (code === 0 || harmless?.test(why)) return result;
  if (code === NO_ANSWER) throw new TransportError('unreachable', `SLURM does not answer: ${why}`);
  throw new RuntimeError(`SLURM refused: ${why}`);
}

/** `UP|JOB|STATE|START|END|NODE|REASON|COMMENT` a line. */
export function parsePools(text: string, fleet: FleetId): readonly PoolJob[] {
  return text.split('\n').flatMap((line) => {
    const [up, id, state = '', start, end, node = '', reason = '', ...comment] = line.split('|');
    const mark = parsePoolMark(comment.join('|'), fleet);
    const job = Number(id);
    if (!mark || !Number.isSafeInteger(job)) return [];
    const running = state === 'RUNNING';
    const startedAt = running ? seconds(start) : undefined;
    const endsAt = running ? seconds(end) : undefined;
    const expected = seconds(start);
    const pool: PoolJob = {
      job,
      reservation: mark.reservation,
      specHash: mark.specHash,
      state: running ? 'running' : WAITING.has(state) ? 'waiting' : 'ending',
      up: running && up === '1',
      ...(node !== '' && { node: firstOf(node) }),
      ...(startedAt !== undefined && { startedAt }),
      ...(endsAt !== undefined && { endsAt }),
      detail: running
        ? `job ${job} runs on ${node}`
        : `job ${job} waits: ${reason}${expected === undefined ? '' : `, expected to start ${new Date(expected).toISOString()}`}`,
      socket: `${mark.socketBase}-${job}`,
    };
    return [pool];
  });
}

const seconds = (text = ''): Instant | undefined => (/^\d+$/.test(text) ? Number(text) * 1000 : undefined);
/** `n[3-5,9]` begins with n3. */
const firstOf = (nodes: string): string => {
  const [, prefix, number] = /^([^[,]+)\[(\d+)/.exec(nodes) ?? [];
  return prefix === undefined ? (nodes.split(',')[0] ?? nodes) : `${prefix}${number}`;
};

/**
 * Owns: an allocation of this machine's SLURM cluster as a place that joins the suite.
 * Never: tests anything itself.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Runtime, RuntimeContext } from '../../../adapters/runtimes/runtime.ts';
import { createTenantRuntime } from '../../../adapters/runtimes/slurm-tenant/tenant-runtime.ts';
import type { Transport } from '../../../adapters/transport/transport.ts';
import { reservationSpecSchema } from '../../../api/resources/kinds/reservation.ts';
import { until } from '../../harness.ts';
import type { RuntimeUnderTest } from '../suite/stage.ts';

const slurm = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const jobsOf = (fleet: string): readonly string[] =>
  slurm('squeue', '--noheader', '--format=%A|%k')
    .split('\n')
    .filter((line) => line.split('|')[1]?.startsWith(`sac/1/pool:${fleet}.`))
    .map((line) => line.split('|')[0] ?? '');

/** The allocation of each fleet that has started something. */
const allocations = new Map<string, Promise<number>>();
/** Names in whose way something is to be, as soon as there is a server. */
const occupied = new Map<string, readonly string[]>();
const tmux = (fleet: string, job: number | string, ...args: string[]): string =>
  execFileSync('tmux', ['-L', `sac-${fleet}-${job}`, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });

/** As the controller does for a reservation: asks for an allocation, and waits until it takes tenants. */
async function allocate({ fleet }: RuntimeContext, { pools }: Runtime, t: Transport): Promise<number> {
  if (!pools) throw new Error('it keeps no pools');
  const spec = reservationSpecSchema.parse({ time: '30', mem: '100M' });
  const job = await pools.submit(t, { reservation: 'lab', spec, specHash: 'abc', known: [] });
  await until('the allocation', async () => (await pools.list(t)).some((pool) => pool.job === job && pool.up), 60_000);
  for (const name of occupied.get(fleet) ?? []) tmux(fleet, job, 'new-session', '-d', '-s', name, 'sleep', '1000');
  return job;
}

export const tenantPlace: RuntimeUnderTest = {
  make(context) {
    const runtime = createTenantRuntime(context);
    return {
      ...runtime,
      async start(t, launch) {
        const asked = allocations.get(context.fleet) ?? allocate(context, runtime, t);
        allocations.set(context.fleet, asked);
        const tenancy = { reservation: 'lab', job: await asked };
        await runtime.start(t, { ...launch, options: { ...launch.options, tenancy } });
      },
    };
  },
  occupy: ({ fleet }, name) => void occupied.set(fleet, [name]),
  isOccupied: ({ fleet }, name) =>
    jobsOf(fleet).every(
      (job) => tmux(fleet, job, 'list-panes', '-t', `=${name}:`, '-F', '#{pane_dead}').trim() === '0',
    ),
  destroy: ({ fleet }) => {
    const jobs = jobsOf(fleet);
    if (jobs.length > 0) slurm('scancel', ...jobs);
  },
  launches: ({ fleet, dirs }) => join(dirs.run, 'pool', jobsOf(fleet)[0] ?? '', 'launch'),
};

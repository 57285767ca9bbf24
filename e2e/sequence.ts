/**
 * Owns: the order in which the files of e2e are begun: long ones first, those that take turns at one thing one after another.
 * Never: a test's result: a wrong figure here costs time alone.
 */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Seconds on two cores, of files that take longer than most; see the report of a run, and docs/testing.md. */
const LONG: Readonly<Record<string, number>> = {
  'agents/onboarding.test.ts': 130,
  'conformance/apptainer.test.ts': 20,
  'conformance/docker.test.ts': 85,
  'conformance/podman.test.ts': 80,
  'conformance/slurm.test.ts': 32,
  'conformance/slurm-tenant.test.ts': 36,
  'containers/dialogs.test.ts': 27,
  'containers/docker-lives.test.ts': 76,
  'contracts/diff-after-apply.test.ts': 50,
  'contracts/exit-codes.test.ts': 20,
  'contracts/kubectl.test.ts': 33,
  'faults/disk.test.ts': 38,
  'faults/misoperation.test.ts': 75,
  'faults/plans.test.ts': 140,
  'faults/single.test.ts': 53,
  'faults/surroundings.test.ts': 45,
  'fleet/relapse.test.ts': 40,
  'fleet/rollout.test.ts': 70,
  'fleet/schedule.test.ts': 25,
  'fleet/seeing.test.ts': 25,
  'git/repository.test.ts': 30,
  'git/source.test.ts': 50,
  'hosts/cut-network.test.ts': 70,
  'hosts/drain.test.ts': 25,
  'hosts/hosts.test.ts': 68,
  'hosts/many.test.ts': 40,
  'main-job.test.ts': 210,
  'over-ssh/docker.test.ts': 55,
  'over-ssh/podman.test.ts': 60,
  'over-ssh/slurm-tenant.test.ts': 40,
  'over-ssh/slurm.test.ts': 40,
  'security/browser.test.ts': 24,
  'security/floods.test.ts': 32,
  'security/fuzz.test.ts': 65,
  'security/injection.test.ts': 75,
  'security/paths.test.ts': 37,
  'security/secrets.test.ts': 26,
  'security/yaml-bombs.test.ts': 40,
  'slurm/handover.test.ts': 128,
  'slurm/reservation.test.ts': 95,
  'slurm/reservation-over-ssh.test.ts': 45,
  'slurm/slurm.test.ts': 165,
  'soak/soak.test.ts': 170,
  'ssh/routes.test.ts': 25,
  'workspace/files.test.ts': 30,
};
const USUAL = 15;

interface Job {
  readonly name: string;
  readonly seconds: number;
  /** What it has for itself while it runs; see exclusive.ts. */
  readonly turns: string | undefined;
}

/**
 * As `workers` take one after another from it: the longest first, where all that take turns at one thing count as one
 * long one, and none of them is begun while another has the thing: it would keep a worker waiting.
 */
export function inOrder<J extends Job>(jobs: readonly J[], workers: number): readonly J[] {
  const left = [...jobs].sort((a, b) => b.seconds - a.seconds || (a.name < b.name ? -1 : 1));
  const free = new Array<number>(Math.max(1, workers)).fill(0);
  const taken = new Map<string, number>();
  const order: J[] = [];
  const weight = ({ turns, seconds }: J): number =>
    turns === undefined ? seconds : left.reduce((sum, one) => sum + (one.turns === turns ? one.seconds : 0), 0);
  while (left.length > 0) {
    const now = Math.min(...free);
    const may = left.filter(({ turns }) => turns === undefined || (taken.get(turns) ?? 0) <= now);
    const next = (may.length > 0 ? may : left).reduce((best, one) => (weight(one) > weight(best) ? one : best));
    left.splice(left.indexOf(next), 1);
    order.push(next);
    const begun = Math.max(now, next.turns === undefined ? 0 : (taken.get(next.turns) ?? 0));
    free[free.indexOf(now)] = begun + next.seconds;
    if (next.turns !== undefined) taken.set(next.turns, begun + next.seconds);
  }
  return order;
}

/** Vitest gives the files to its workers in this order. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files.filter(({ project }) => project.name !== 'e2e'));
    const jobs = files
      .filter(({ project }) => project.name === 'e2e')
      .map((file) => {
        const folder = basename(dirname(file.moduleId));
        const name = join(folder === 'e2e' ? '' : folder, basename(file.moduleId));
        const turns = /^exclusively\('(\w+)'\)/m.exec(readFileSync(file.moduleId, 'utf8'))?.[1];
        return { file, name, seconds: LONG[name] ?? USUAL, turns };
      });
    const workers = jobs[0]?.file.project.config.maxWorkers;
    return [...usual, ...inOrder(jobs, typeof workers === 'number' ? workers : 1).map(({ file }) => file)];
  }
}

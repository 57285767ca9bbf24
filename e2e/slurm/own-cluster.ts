/**
 * Owns: a SLURM cluster of a test's own: several nodes, all on this machine, on ports and in a folder of its own. Needs root and munged.
 * Never: touches the machine's cluster: all its commands go by SLURM_CONF.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../harness.ts';
import { freePort } from '../ssh/lab.ts';

/** One process a node; the tests take more CPUs than there are. */
const CPUS = 16;

export class OwnCluster implements AsyncDisposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'sac-slurm-'));
  readonly #daemons: ChildProcess[] = [];
  readonly conf = join(this.#dir, 'slurm.conf');

  /** The first node is the first of every job that wants several. */
  async start(nodes: readonly string[]): Promise<void> {
    const state = join(this.#dir, 'state');
    mkdirSync(state);
    const machine = hostname().split('.')[0] ?? '';
    const [controller = 0, ...ports] = await Promise.all(['controller', ...nodes].map(freePort));
    const shape = `CPUs=${CPUS} Sockets=1 CoresPerSocket=${CPUS} ThreadsPerCore=1 RealMemory=4000 State=UNKNOWN`;
    const settings = {
      ClusterName: 'own',
      SlurmctldHost: `${machine}(127.0.0.1)`,
      SlurmctldPort: controller,
      SlurmUser: 'root',
      SlurmdUser: 'root',
      AuthType: 'auth/munge',
      CredType: 'cred/munge',
      ProctrackType: 'proctrack/linuxproc',
      TaskPlugin: 'task/none',
      SelectType: 'select/cons_tres',
      SelectTypeParameters: 'CR_Core',
      SlurmdParameters: 'config_overrides',
      JobAcctGatherType: 'jobacct_gather/none',
      AccountingStorageType: 'accounting_storage/none',
      JobCompType: 'jobcomp/none',
      MpiDefault: 'none',
      SchedulerParameters: 'batch_sched_delay=0,bf_interval=2,sched_interval=5',
      MinJobAge: 10,
      KillWait: 5,
      ReturnToService: 2,
      StateSaveLocation: state,
      SlurmdSpoolDir: join(this.#dir, 'spool.%n'),
      SlurmctldPidFile: join(this.#dir, 'slurmctld.pid'),
      SlurmdPidFile: join(this.#dir, 'slurmd.%n.pid'),
      SlurmctldLogFile: join(this.#dir, 'slurmctld.log'),
      SlurmdLogFile: join(this.#dir, 'slurmd.%n.log'),
    };
    const lines = [
      ...Object.entries(settings).map(([key, value]) => `${key}=${value}`),
      ...nodes.map(
        (name, i) => `NodeName=${name} NodeHostname=${machine} NodeAddr=127.0.0.1 Port=${ports[i]} ${shape}`,
      ),
      `PartitionName=main Nodes=${nodes.join(',')} Default=YES MaxTime=INFINITE State=UP`,
    ];
    writeFileSync(this.conf, `${lines.join('\n')}\n`);
    this.#daemon('slurmctld', '-D', '-f', this.conf);
    for (const name of nodes) this.#daemon('slurmd', '-D', '-f', this.conf, '-N', name);
    await until('all nodes to be idle', () => this.ask('sinfo', '-h', '-o', '%T %D') === `idle ${nodes.length}`);
  }

  /** What a command of this cluster prints. */
  ask(program: string, ...args: readonly string[]): string {
    return execFileSync(program, [...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, SLURM_CONF: this.conf },
      timeout: 60_000,
    }).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.ask('scancel', '--full', '--user=root', '--signal=KILL');
      this.ask('scancel', '--user=root');
      await until('the jobs to be gone', () => this.ask('squeue', '--noheader') === '');
    } finally {
      for (const daemon of [...this.#daemons].reverse()) {
        const gone = new Promise((resolve) => daemon.once('exit', resolve));
        if (daemon.exitCode === null && daemon.kill('SIGKILL')) await gone;
      }
      rmSync(this.#dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  }

  #daemon(program: string, ...args: readonly string[]): void {
    this.#daemons.push(spawn(`/usr/sbin/${program}`, args, { stdio: 'ignore' }));
  }
}

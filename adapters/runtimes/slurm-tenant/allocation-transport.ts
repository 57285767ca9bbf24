/**
 * Owns: reaching into an allocation: commands run on its first node as steps of its job, by srun where the inner transport ends.
 * Files travel over the file system that login and compute nodes share.
 * Never: takes srun's own failure for the command's, or leaves an allocation that it does not own.
 */
import {
  type Conversation,
  type FileToPut,
  type RunOptions,
  type RunResult,
  type Transport,
  TransportError,
} from '../../transport/transport.ts';

/** What srun says of a command that ran and did not exit 0. */
const ENDED = /^srun: error: .*: tasks? \S+: (?:Exited with exit code|Terminated|Killed|Hangup|Interrupt|Aborted|Segm)/;
const NOT_FOUND = /error: execve\(\): (.*): No such file or directory/;

export class AllocationTransport implements Transport {
  readonly #inner: Transport;
  readonly #job: number;

  constructor(inner: Transport, job: number) {
    this.#inner = inner;
    this.#job = job;
  }

  get host(): Transport['host'] {
    return this.#inner.host;
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const { cwd = '/', ...rest } = options;
    const input = options.stdin === undefined ? ['--input=none'] : [];
    const result = await this.#inner.run([...this.#srun(), ...input, `--chdir=${cwd}`, ...argv], rest);
    if (result.code === 0) return result;
    const lines = result.stderr.split('\n');
    const missing = lines.map((line) => NOT_FOUND.exec(line)?.[1]).find((program) => program !== undefined);
    if (missing !== undefined)
      throw new TransportError('missing-program', `${missing} is not installed on the node of job ${this.#job}`);
    const failed = lines.find((line) => /^srun: /.test(line));
    if (failed !== undefined && !lines.some((line) => ENDED.test(line)))
      throw new TransportError('unreachable', `the node of job ${this.#job} could not be asked: ${failed}`);
    return { ...result, stderr: lines.filter((line) => !/^(?:srun|slurmstepd)/.test(line)).join('\n') };
  }

  converse(argv: readonly string[], onLine: (line: string) => void): Conversation {
    return this.#inner.converse([...this.#srun(), '--unbuffered', '--chdir=/', ...argv], onLine);
  }

  putFiles(files: readonly FileToPut[]): Promise<void> {
    return this.#inner.putFiles(files);
  }

  interactive(argv: readonly string[]): readonly string[] {
    return this.#inner.interactive([...this.#srun(), '--pty', ...argv]);
  }

  /** The inner transport is others' too. */
  async [Symbol.asyncDispose](): Promise<void> {}

  /**
   * --overlap: beside the job's own step, which holds all its resources. --relative: on the node of the tmux server; of several,
   * SLURM would choose one that has no steps yet.
   */
  #srun(): readonly string[] {
    return ['srun', `--jobid=${this.#job}`, '--overlap', '--relative=0', '--nodes=1', '--ntasks=1', '--quiet'];
  }
}

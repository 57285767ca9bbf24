/**
 * Owns: a call of `sac` made in the test's own process: the same code, without the tenth of a second of CPU that node takes to start.
 * Never: for what needs a process of its own: a terminal, a controller to be started, signals, memory that is measured.
 */
import { runSac } from '../cli/run.ts';
import type { Output } from '../cli/verb.ts';
import type { Ran } from './harness.ts';

/** Those that take over the terminal, or are about the process. */
const OWN_PROCESS: ReadonlySet<string> = new Set(['attach', 'controller', 'edit', 'exec', 'hook-event']);
const STATUS = /^controller status\b/;

/** As a shell would see the exit code of a program that was killed. */
const KILLED = 128;

export const runsHere = (args: readonly string[]): boolean =>
  STATUS.test(args.join(' ')) || !args.some((word) => OWN_PROCESS.has(word));

export interface CallOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly stdin?: string;
  readonly timeoutMs: number;
}

/** Never rejects for what `sac` says; a call that takes too long is told to end, and reads as one that was killed. */
export async function call(args: readonly string[], { env, cwd, stdin, timeoutMs }: CallOptions): Promise<Ran> {
  const abort = new AbortController();
  const out = new Captured();
  const err = new Captured();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<number>((resolve) => {
    timer = setTimeout(() => {
      err.write(`\n[ended by the test after ${timeoutMs} ms]`);
      abort.abort();
      resolve(KILLED);
    }, timeoutMs);
  });
  const code = await Promise.race([
    late,
    runSac(args, {
      env,
      cwd,
      out,
      err,
      signal: abort.signal,
      stdin: async () => new TextEncoder().encode(stdin ?? ''),
      stdinIsTerminal: false,
    }),
  ]);
  clearTimeout(timer);
  return { code, stdout: out.text, stderr: err.text };
}

/** What a pipe would have taken. */
class Captured implements Output {
  text = '';
  readonly isTerminal = false;
  readonly colour = false;
  readonly columns = 80;
  readonly rows = 24;
  write(text: string): void {
    this.text += text;
  }
}

/**
 * Owns: handing the user's terminal to a program: attach, exec, an editor.
 * Never: runs a shell, or does it for a controller on another machine.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { BadRequestError, SacError } from '../../api/resources/errors.ts';
import type { Context } from '../verb.ts';

export async function assertLocal(context: Context, verb: string): Promise<void> {
  const target = await context.target();
  if (!('socket' in target))
    throw new BadRequestError(
      `sac ${verb} cannot reach through a controller at ${target.url} yet; run it on the controller's own machine`,
    );
}

/** The program could not be started at all; `code` is what a shell would answer: 127 not found, 126 not runnable. */
export class NotStartedError extends SacError {
  override readonly name = 'NotStartedError';
  override readonly reason = 'NotStarted';
  readonly code: 126 | 127;
  constructor(program: string, error: NodeJS.ErrnoException) {
    super(
      error.code === 'ENOENT'
        ? `"${program}" is not installed or not in PATH`
        : `"${program}" cannot be started: ${error.message}`,
    );
    this.code = error.code === 'ENOENT' ? 127 : 126;
  }
}

interface HandOver {
  readonly cwd?: string;
  readonly env: Context['env'];
}

/** Resolves with the program's exit code, 128 plus the number for a signal. Throws NotStartedError. */
export async function handOver(argv: readonly string[], { cwd, env }: HandOver): Promise<number> {
  const [program = '', ...args] = argv;
  // The terminal sends Ctrl-C to both of us and it is the program's; other signals reach only us. What is registered for
  // SIGINT would end this process before the program: it does not come back, the default is right afterwards.
  process.removeAllListeners('SIGINT');
  const ignored = () => undefined;
  const passed = ['SIGTERM', 'SIGHUP'] as const;
  const child = spawn(program, args, { stdio: 'inherit', env: { ...env }, ...(cwd !== undefined && { cwd }) });
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  process.on('SIGINT', ignored).on('SIGQUIT', ignored);
  for (const signal of passed) process.on(signal, pass);
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', (error) => reject(new NotStartedError(program, error)));
      child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } finally {
    process.off('SIGINT', ignored).off('SIGQUIT', ignored);
    for (const signal of passed) process.off(signal, pass);
  }
}

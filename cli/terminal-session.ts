/**
 * Owns: handing the user's terminal to a program: attach and exec.
 * Never: runs a shell, or does it for a controller on another machine.
 */
import { spawn } from 'node:child_process';
import { BadRequestError } from '../api/resources/errors.ts';
import type { Context } from './verb.ts';

export async function assertLocal(context: Context, verb: string): Promise<void> {
  const target = await context.target();
  if (!('socket' in target))
    throw new BadRequestError(`sac ${verb} needs the controller's own machine; run it there, or over ssh`);
}

/** Resolves with the program's exit code. */
export function handOver(argv: readonly string[], options: { readonly cwd?: string } = {}): Promise<number> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', ...options });
    // Ctrl-C is for the program, not for us.
    const ignore = () => undefined;
    process.on('SIGINT', ignore);
    child.on('error', (error) => reject(new BadRequestError(`${program} cannot be started: ${error.message}`)));
    child.on('exit', (code, signal) => {
      process.off('SIGINT', ignore);
      resolve(code ?? (signal ? 128 : 1));
    });
  });
}

/**
 * Owns: one call of `sac`: arguments and surroundings in, what it says and its exit code out.
 * Never: touches the process it runs in, so that many calls may share one; a terminal is handed over by the verbs that do that.
 */
import { homeFrom } from '../api/home.ts';
import { EXIT, SacError } from '../api/resources/errors.ts';
import { createConnection, type GlobalOptions } from './client/connection.ts';
import { oneLine, paint } from './output/terminal.ts';
import { runProgram } from './program.ts';
import type { Context, Output } from './verb.ts';
import { VERBS } from './verbs/index.ts';
import { verbFirst, withGlobalsFirst } from './word-order.ts';

const MAX_HELP_COLUMNS = 120;

/** What a call has of the process it is made in. */
export type Surroundings = Pick<Context, 'env' | 'cwd' | 'stdin' | 'stdinIsTerminal' | 'out' | 'err' | 'signal'>;

/** Resolves with the exit code; never rejects: what goes wrong is told. */
export async function runSac(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { env, cwd, out, err } = surroundings;
  let verbose = Boolean(env['SAC_DEBUG']);
  const contextFor = (globals: GlobalOptions): Context => {
    verbose ||= globals.verbose === true;
    const home = homeFrom(env);
    return { ...surroundings, home, ...createConnection({ globals, home, env, cwd, err }) };
  };
  try {
    return await runProgram(verbFirst(withGlobalsFirst(argv), VERBS), {
      verbs: VERBS,
      contextFor,
      out: (text) => out.write(text),
      err: (text) => err.write(text),
      columns: Math.min(out.columns, MAX_HELP_COLUMNS),
    });
  } catch (error) {
    return tell(error, err, verbose);
  }
}

function tell(error: unknown, err: Output, verbose: boolean): number {
  const message = error instanceof Error ? error.message : String(error);
  for (const line of message.split('\n')) err.write(`${paint(err.colour, 'red', 'sac:')} ${oneLine(line)}\n`);
  if (verbose && error instanceof Error) err.write(`${(error.stack ?? '').split('\n').map(oneLine).join('\n')}\n`);
  return error instanceof SacError ? error.exitCode : EXIT.failed;
}

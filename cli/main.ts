/**
 * Owns: the process `sac`: its streams and signals, arguments in, exit code out.
 * Never: knows a verb.
 */
import { homeFrom } from '../api/home.ts';
import { EXIT, SacError } from '../api/resources/errors.ts';
import { createConnection, type GlobalOptions } from './client/connection.ts';
import { oneLine, paint } from './output/terminal.ts';
import { runProgram } from './program.ts';
import type { Context, Output } from './verb.ts';
import { VERBS } from './verbs/index.ts';
import { verbFirst, withGlobalsFirst } from './word-order.ts';

const INTERRUPTED = 130;
const MAX_HELP_COLUMNS = 120;

function output(stream: NodeJS.WriteStream): Output {
  return {
    write: (value) => void stream.write(value),
    isTerminal: stream.isTTY === true,
    colour: stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
    get columns() {
      return stream.columns ?? 80;
    },
    get rows() {
      return stream.rows ?? 24;
    },
  };
}

async function readStdin(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function contextFor(globals: GlobalOptions, signal: AbortSignal): Context {
  const home = homeFrom(process.env);
  const err = output(process.stderr);
  const connection = createConnection({ globals, home, env: process.env, cwd: process.cwd(), err });
  return {
    env: process.env,
    cwd: process.cwd(),
    home,
    stdin: readStdin,
    stdinIsTerminal: process.stdin.isTTY === true,
    out: output(process.stdout),
    err,
    signal,
    ...connection,
  };
}

async function main(): Promise<void> {
  const abort = new AbortController();
  process.once('SIGINT', () => {
    abort.abort();
    process.exitCode = INTERRUPTED;
    // Whatever still holds the process is not worth waiting for.
    setImmediate(() => process.exit(INTERRUPTED));
  });
  // `sac get agents | head`: the reader has seen enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  let verbose = Boolean(process.env['SAC_DEBUG']);
  try {
    process.exitCode = await runProgram(verbFirst(withGlobalsFirst(process.argv.slice(2)), VERBS), {
      verbs: VERBS,
      contextFor(globals) {
        verbose ||= globals.verbose === true;
        return contextFor(globals, abort.signal);
      },
      out: (text) => void process.stdout.write(text),
      err: (text) => void process.stderr.write(text),
      columns: Math.min(process.stdout.columns ?? 80, MAX_HELP_COLUMNS),
    });
  } catch (error) {
    process.exitCode = tell(error, output(process.stderr), verbose);
  }
}

function tell(error: unknown, err: Output, verbose: boolean): number {
  const message = error instanceof Error ? error.message : String(error);
  for (const line of message.split('\n')) err.write(`${paint(err.colour, 'red', 'sac:')} ${oneLine(line)}\n`);
  if (verbose && error instanceof Error) err.write(`${(error.stack ?? '').split('\n').map(oneLine).join('\n')}\n`);
  return error instanceof SacError ? error.exitCode : EXIT.failed;
}

await main();

/**
 * Owns: the process `sac`: its streams and signals, arguments in, exit code out.
 * Never: knows a verb.
 */
import { runSac } from './run.ts';
import type { Output } from './verb.ts';

const INTERRUPTED = 130;

function output(stream: NodeJS.WriteStream): Output {
  return {
    write: (value) => void stream.write(value),
    isTerminal: stream.isTTY === true,
    colour: stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
    // A terminal that does not know its size says 0.
    get columns() {
      return stream.columns || 80;
    },
    get rows() {
      return stream.rows || 24;
    },
  };
}

async function readStdin(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

const abort = new AbortController();
process.once('SIGINT', () => {
  abort.abort();
  process.exitCode = INTERRUPTED;
  // Whatever still holds the process is not worth waiting for.
  setImmediate(() => process.exit(INTERRUPTED));
});
// `sac get agents | head`: the reader has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.exitCode = await runSac(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  stdin: readStdin,
  stdinIsTerminal: process.stdin.isTTY === true,
  out: output(process.stdout),
  err: output(process.stderr),
  signal: abort.signal,
});

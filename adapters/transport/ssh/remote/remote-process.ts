/**
 * Owns: one process over there from the script to its end: when it began, its output, how it ended, and ending it.
 * Never: takes what a profile file printed for its output.
 */
import { constants } from 'node:os';
import type { ClientChannel } from 'ssh2';
import type { DurationMs } from '../../../../api/resources/time.ts';
import { TransportError } from '../../transport.ts';
import type { Beginning } from './remote-script.ts';

/** What a profile file prints before the script begins, at most. */
const MAX_NOISE = 1024 * 1024;
/** The end of its output usually follows its exit at once; only then is it asked for. */
const LINGER_MS: DurationMs = 40;
/** After the process has ended, its output is read until it closes or so many round trips brought nothing more. */
const QUIET_TRIPS = 2;

export interface RemoteProcessOptions {
  readonly channel: ClientChannel;
  readonly nonce: string;
  /** The script as one line, and what follows it. */
  readonly script: string;
  readonly stdin: 'open' | string | Uint8Array | undefined;
  readonly onData: (stream: 'stdout' | 'stderr', chunk: Uint8Array) => void;
  /** One round trip over the connection. */
  readonly ping: () => Promise<void>;
  /** Ends process group `pid` by other means; best effort. */
  readonly kill: (pid: number) => void;
  /** Calls with why when the connection is lost; returns how to no longer be told. */
  readonly onLost: (listener: (reason: string) => void) => () => void;
}

export interface RemoteProcess {
  readonly stdin: ClientChannel;
  /** Exit code as a shell would tell it (128 + signal). Rejects with TransportError when it did not begin or was lost. */
  readonly ended: Promise<{ readonly code: number; readonly signal: string | undefined }>;
  /** Asks it to end, then forces it; lets go of the channel at once. */
  end(): void;
}

export class BeginningFailed extends TransportError {
  readonly beginning: Exclude<Beginning, 'ready'>;
  constructor(beginning: Exclude<Beginning, 'ready'>) {
    super(
      'missing-program',
      beginning === 'no-program' ? 'is not installed' : 'was to run in a folder that does not exist over there',
    );
    this.beginning = beginning;
  }
}

export function startRemotely(options: RemoteProcessOptions): RemoteProcess {
  const { channel, nonce, script, stdin, onData, ping, kill, onLost } = options;
  let beginning: { readonly state: string; readonly pid: number } | undefined;
  let wanted = true;
  let bytes = 0;
  const noise: Record<'stdout' | 'stderr', Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  const begun = { stdout: false, stderr: false };

  const hear = (name: 'stdout' | 'stderr', chunk: Buffer) => {
    bytes += chunk.length;
    if (begun[name]) return onData(name, chunk);
    const heard = Buffer.concat([noise[name], chunk]);
    const mark = /^([a-z-]+) (\d+)\n/;
    const at = heard.indexOf(`\n${nonce} `);
    const line = at < 0 ? null : mark.exec(heard.toString('latin1', at + nonce.length + 2, at + nonce.length + 66));
    if (!line) {
      noise[name] = heard.subarray(0, MAX_NOISE);
      return;
    }
    begun[name] = true;
    noise[name] = heard.subarray(0, at);
    if (name === 'stdout') {
      beginning = { state: line[1] ?? '', pid: Number(line[2]) };
      if (!wanted) kill(beginning.pid);
    }
    const rest = heard.subarray(at + nonce.length + 2 + line[0].length);
    if (rest.length > 0) onData(name, rest);
  };
  channel.on('data', (chunk: Buffer) => hear('stdout', chunk));
  channel.stderr.on('data', (chunk: Buffer) => hear('stderr', chunk));
  channel.on('error', () => undefined);
  channel.stderr.on('error', () => undefined);

  const ended = new Promise<{ code: number; signal: string | undefined }>((resolve, reject) => {
    let exit: { code: number; signal: string | undefined } | undefined;
    let timer: NodeJS.Timeout | undefined;
    const finish = () => {
      clearTimeout(timer);
      forget();
      if (!exit) return reject(new TransportError('unreachable', 'the connection was lost before it had ended'));
      if (!beginning) return reject(notBegun(noise, exit.code));
      if (beginning.state === 'no-folder' || beginning.state === 'no-program')
        return reject(new BeginningFailed(beginning.state));
      return resolve(exit);
    };
    const forget = onLost((reason) => {
      clearTimeout(timer);
      reject(new TransportError('unreachable', reason));
    });
    channel.once('exit', (code: number | null, signal?: string) => {
      exit = { code: code ?? 128 + signalNumber(signal), signal };
      // Something that outlives it may hold its output open.
      const settle = () => {
        finish();
        channel.destroy();
      };
      timer = setTimeout(() => void quiet(ping, () => bytes).then(settle, settle), LINGER_MS);
    });
    channel.once('close', finish);
  });

  channel.write(script);
  if (stdin !== 'open') channel.end(stdin);
  return {
    stdin: channel,
    ended,
    end() {
      if (!wanted) return;
      wanted = false;
      if (beginning) kill(beginning.pid);
      channel.destroy();
    },
  };
}

/** Resolves when nothing came during some round trips: the server tells all it has read before it answers. */
async function quiet(ping: () => Promise<void>, bytes: () => number): Promise<void> {
  for (let trips = 0, seen = bytes(); trips < QUIET_TRIPS; trips++) {
    await ping();
    if (bytes() !== seen) trips = -1;
    seen = bytes();
  }
}

const signalNumber = (name: string | undefined): number =>
  Object.entries(constants.signals).find(([signal]) => signal === name)?.[1] ?? 0;

function notBegun(noise: Readonly<Record<'stdout' | 'stderr', Buffer>>, code: number): TransportError {
  const said = `${noise.stderr.toString()} ${noise.stdout.toString()}`.replaceAll(/\s+/g, ' ').trim().slice(0, 300);
  return new TransportError(
    'unreachable',
    `the login shell there did not run /bin/sh (code ${code})${said === '' ? '' : `: ${said}`}`,
  );
}

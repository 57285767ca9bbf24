/**
 * Owns: which controller is meant, and starting a local one in the background when none runs.
 * Never: starts one that somebody else is meant to run: only the default local controller is started by itself.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createClient, type Target } from '../../api/client.ts';
import { assertPrivate, type Home } from '../../api/home.ts';
import { BadRequestError, EXIT, NoControllerError, SacError } from '../../api/resources/errors.ts';
import { parseDuration } from '../durations.ts';
import type { Context, Output } from '../verb.ts';
import { CONTROLLER_NODE_FLAGS } from './node-flags.ts';

export interface GlobalOptions {
  readonly context?: string;
  readonly socket?: string;
  readonly server?: string;
  readonly tokenFile?: string;
  readonly requestTimeout?: string;
  readonly verbose?: boolean;
}

interface ConnectionOptions {
  readonly globals: GlobalOptions;
  readonly home: Home;
  readonly env: Context['env'];
  readonly cwd: string;
  readonly err: Output;
}

const START_DEADLINE_MS = 60_000;
const POLL_MS = 25;
const LAST_LINES = 5;
/** How a controller ends that finds its home held. */
const HELD_EXIT = EXIT.conflict;
const CONTROLLERS_WORDS = 'sac controller: ';
/** Ours left because another one holds the home: how long that one may take until it answers. */
const OTHERS_DEADLINE_MS = 5_000;

export function createConnection({
  globals,
  home,
  env,
  cwd,
  err,
}: ConnectionOptions): Pick<Context, 'target' | 'client' | 'running'> {
  const timeout =
    globals.requestTimeout === undefined
      ? {}
      : { timeoutMs: parseDuration(globals.requestTimeout, '--request-timeout') };
  const target = async () => {
    const where = await resolveTarget(globals, home);
    if (globals.verbose) err.write(`sac: the controller meant is at ${'socket' in where ? where.socket : where.url}\n`);
    return where;
  };
  const running = async () => createClient(await target(), timeout);
  return {
    target,
    running,
    async client() {
      const where = await target();
      const client = createClient(where, timeout);
      if (!('socket' in where) || where.socket !== home.socket) return client;
      if (existsSync(home.socket) && (await listens(home.socket))) return client;
      await startInBackground({ home, env, cwd, flags: [], err });
      return client;
    },
  };
}

/** Cheaper than a request. Whatever else is wrong with the socket, the request that follows says. */
const listens = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const connection = connect(socket, () => {
      connection.destroy();
      resolve(true);
    }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  });

async function resolveTarget(globals: GlobalOptions, home: Home): Promise<Target> {
  if (globals.server !== undefined && globals.socket !== undefined)
    throw new BadRequestError('--server and --socket exclude each other');
  if (globals.server !== undefined) return { url: httpUrl(globals.server), ...tokenFrom(globals.tokenFile) };
  if (globals.socket !== undefined) return { socket: globals.socket };
  if (globals.context === undefined && !existsSync(home.config)) return { socket: home.socket };
  const { contextNamed, readConfig } = await import('./config-file.ts');
  const config = readConfig(home.config);
  const name = globals.context ?? config['current-context'];
  if (name === undefined || name === 'local') return { socket: home.socket };
  const context = contextNamed(config, name);
  if (!context)
    throw new BadRequestError(
      `context "${name}" does not exist in ${home.config}; known: ${['local', ...Object.keys(config.contexts)].join(', ')}`,
    );
  if (context.server === undefined) return { socket: context.socket ?? home.socket };
  return {
    url: httpUrl(context.server),
    ...(globals.tokenFile === undefined && context.token !== undefined
      ? { token: context.token }
      : tokenFrom(globals.tokenFile ?? context['token-file'])),
    ...(context['ca-file'] !== undefined && { ca: readNamed('certificate authority', context['ca-file']) }),
  };
}

function httpUrl(url: string): string {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new BadRequestError(`server "${url}" is not an http:// or https:// URL (for example https://fleet:9640)`);
  return url;
}

function tokenFrom(path: string | undefined): { readonly token?: string } {
  return path === undefined ? {} : { token: readNamed('token file', path).trim() };
}

function readNamed(what: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new BadRequestError(
      `${what} ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** The controller program lies beside this one; chunks lie one folder deeper; tests run this file itself. */
export function controllerProgram(): string {
  for (const relative of ['./controller.js', '../controller.js', '../../dist/controller.js']) {
    const path = fileURLToPath(new URL(relative, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new SacError('the controller program is missing beside the CLI; build it with `npm run build`');
}

/** Resolves when it answers; throws NoControllerError with the end of its log when it does not come up. */
export async function startInBackground({
  home,
  env,
  cwd,
  flags,
  err,
}: Omit<ConnectionOptions, 'globals'> & { readonly flags: readonly string[] }): Promise<number> {
  for (const folder of home.folders) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Before anything is written there: in somebody else's folder the log could be a link to any file of ours.
    assertPrivate(folder);
  }
  const log = openSync(home.controllerLog, 'a', 0o600);
  const before = statSync(home.controllerLog).size;
  const child = spawn(process.execPath, [...CONTROLLER_NODE_FLAGS, controllerProgram(), ...flags], {
    cwd,
    env: { ...env },
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  let left = false;
  let exit: number | null = null;
  child.on('exit', (code) => {
    left = true;
    exit = code;
  });
  child.on('error', () => {
    left = true;
  });
  const client = createClient({ socket: home.socket });
  let end = Date.now() + START_DEADLINE_MS;
  for (let waitsForOther = false; Date.now() < end; ) {
    try {
      if ((await client.ready()).ok) {
        const { pid } = await client.controller();
        // Several of us may have found none at the same moment: only one of the controllers stays, and its starter tells.
        if (pid === child.pid)
          err.write(`sac: started a controller in the background (pid ${pid}, log ${home.controllerLog})\n`);
        return pid;
      }
    } catch (error) {
      if (!(error instanceof NoControllerError)) throw error;
      if (left && !waitsForOther) {
        if (exit !== HELD_EXIT) break;
        waitsForOther = true;
        end = Math.min(end, Date.now() + OTHERS_DEADLINE_MS);
      }
    }
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
  const last = said(home.controllerLog, before).trimEnd().split('\n').at(-1) ?? '';
  // It refused to start, in its own words, for how it was called.
  if (exit === EXIT.usage && last.startsWith(CONTROLLERS_WORDS))
    throw new BadRequestError(last.slice(CONTROLLERS_WORDS.length));
  const told =
    said(home.controllerLog, before).trimEnd().split('\n').slice(-LAST_LINES).join('\n') || '(it wrote nothing)';
  throw new NoControllerError(`a controller could not be started; the end of ${home.controllerLog}:\n${told}`);
}

/** What its log says of this attempt: everything behind the bytes that were there before. */
function said(path: string, before: number): string {
  try {
    return readFileSync(path).subarray(before).toString('utf8');
  } catch {
    return '';
  }
}

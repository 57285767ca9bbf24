/**
 * Owns: the unix socket's place on disk: a folder that is ours alone, a path that fits, no stale file in the way.
 * Never: takes the path from a server that answers, unless the caller says that it was replaced.
 */
import { lstatSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { assertPrivate } from '../home.ts';
import { BadRequestError, ConflictError } from '../resources/errors.ts';

/** Linux' sockaddr_un; Node cuts longer paths short in silence, and would listen somewhere else. */
const MAX_PATH_BYTES = 107;

/** Makes the folder (0700) and frees the path. Throws when the folder is open or foreign, or another server answers. */
export async function prepareSocket(socket: string, replace: boolean): Promise<void> {
  const bytes = Buffer.byteLength(socket);
  if (bytes > MAX_PATH_BYTES)
    throw new BadRequestError(
      `the socket's path is ${bytes} bytes long and Linux allows ${MAX_PATH_BYTES}: ${socket}; set SAC_HOME to a shorter folder`,
    );
  const folder = dirname(socket);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  assertPrivate(folder);
  const found = lstatSync(socket, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new ConflictError(`${socket} exists and is no socket; move it away`);
  if (!replace && (await answers(socket)))
    throw new ConflictError(`another server answers at ${socket}; stop it with \`sac controller stop\``);
  rmSync(socket, { force: true });
}

const ANSWER_TIMEOUT_MS = 2_000;

/** A server that accepts nothing because its backlog is full, or is stopped, is there all the same. */
const answers = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const connection = connect(socket);
    const settle = (there: boolean) => {
      connection.destroy();
      resolve(there);
    };
    connection.setTimeout(ANSWER_TIMEOUT_MS, () => settle(true));
    connection.on('connect', () => settle(true));
    connection.on('error', (error) => settle(!('code' in error && GONE.has(String(error.code)))));
  });
const GONE: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOENT']);

/**
 * Owns: saved logins of agents: one private file an account, which holds one long-lived token.
 * Never: decides who uses one, or puts a token into a message.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { assertPrivate } from './home.ts';
import { BadRequestError } from './resources/errors.ts';
import type { Instant } from './resources/time.ts';

/** Also a name of a file: neither hidden nor with a slash. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$/;
const MAX_TOKEN_BYTES = 8_192;
const TOKEN_PREFIX = /^sk-ant-oat\d{2,}-/;
/** Today's have 108; the first line of one that a terminal of 80 columns wrapped has fewer than this. */
const MIN_TOKEN_CHARS = 85;

/** What an agent is given, or why it cannot be. */
export type Login = { readonly token: string } | { readonly refused: string };

export interface SavedAccount {
  readonly name: string;
  readonly savedAt: Instant;
  /** Why no agent is started with it. */
  readonly problem?: string;
}

/** Throws BadRequestError for what is no name of an account. */
export function accountName(name: string): string {
  if (NAME.test(name)) return name;
  throw new BadRequestError(
    `"${name}" is no name of an account: letters, digits and . _ @ + - after a letter or digit, at most 100`,
  );
}

/** The token in what was pasted or piped. Throws BadRequestError, without the text, for what is none. */
export function tokenIn(input: string): string {
  const token = input.trim();
  const wanted =
    'run `claude setup-token`, and give the token that it prints (it begins with sk-ant-oat01-) on standard input';
  const refuse = (why: string): never => {
    throw new BadRequestError(`${why}; ${wanted}`);
  };
  if (token === '') return refuse('there is no token');
  if (token.startsWith('{'))
    return refuse('that is no token but a file of credentials, whose copy dies when the original is renewed');
  if (!/^[\x21-\x7e]+$/.test(token)) return refuse('the token must be one word on one line, without spaces');
  if (token.startsWith('sk-ant-api'))
    return refuse('that is an API key (for ANTHROPIC_API_KEY in the env of an agent) and no login');
  if (token.length > MAX_TOKEN_BYTES) return refuse('the token is too long');
  if (!TOKEN_PREFIX.test(token)) return refuse('that is no token of a login');
  if (!/^[\w-]+$/.test(token)) return refuse('that is no token of a login, which has letters, digits, - and _ alone');
  if (token.length < MIN_TOKEN_CHARS)
    return refuse(`that is not all of a token, which has some 108 characters (${token.length} were given)`);
  return token;
}

/** Replaces what was saved under this name. Throws DeniedError when others can look into the folder. */
export function saveAccount(folder: string, name: string, token: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  assertPrivate(folder);
  const file = join(folder, accountName(name));
  const written = join(folder, `.${randomBytes(6).toString('hex')}`);
  try {
    writeFileSync(written, `${token}\n`, { mode: 0o600, flag: 'wx' });
    renameSync(written, file);
  } finally {
    rmSync(written, { force: true });
  }
}

/** By name; [] when none was ever saved. */
export function listAccounts(folder: string): readonly SavedAccount[] {
  return namesIn(folder)
    .filter((name) => NAME.test(name))
    .sort()
    .flatMap((name) => {
      const login = readAccount(folder, name);
      const stat = statSync(join(folder, name), { throwIfNoEntry: false });
      if (!stat) return [];
      return [{ name, savedAt: stat.mtimeMs, ...('refused' in login && { problem: login.refused }) }];
    });
}

/** False: there was none. */
export function deleteAccount(folder: string, name: string): boolean {
  const file = join(folder, accountName(name));
  if (!statSync(file, { throwIfNoEntry: false })) return false;
  rmSync(file);
  return true;
}

/** Only from a file that is ours and closed to others: what somebody else could write or read is no login. Never throws. */
export function readAccount(folder: string, name: string): Login {
  const remedy = `\`sac account save ${name}\` saves one`;
  if (!NAME.test(name)) return { refused: `claude.account: "${name}" is no name of an account` };
  const file = join(folder, name);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { mode, uid, size } = fstatSync(descriptor);
    const refuse = (why: string): Login => ({ refused: `claude.account: ${file} ${why}` });
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) return refuse('is not a regular file');
    const own = process.getuid?.();
    if (own !== undefined && uid !== own) return refuse(`belongs to user ${uid}, not to the controller's (${own})`);
    if ((mode & 0o077) !== 0)
      return refuse(
        `is open to others (mode ${(mode & 0o777).toString(8)}); its token may be known by now: make a new one, and ${remedy}`,
      );
    if (size > MAX_TOKEN_BYTES + 2) return refuse(`is too large for a token; ${remedy}`);
    const token = readFileSync(descriptor, 'utf8').trim();
    if (token === '') return refuse(`is empty; ${remedy}`);
    if (!/^[\x21-\x7e]+$/.test(token)) return refuse(`holds no token; ${remedy}`);
    return { token };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const why = code === 'ENOENT' ? `there is no saved login "${name}" (${file})` : `${file} cannot be read: ${code}`;
    return { refused: `claude.account: ${why}; ${remedy}` };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

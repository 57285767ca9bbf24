/**
 * Owns: real git repositories for tests: bare ones on disk, and servers for them over ssh and smart http; and their removal.
 * Never: reads the user's own git configuration, keys or agents; listens beyond loopback.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import {
  type AddressInfo,
  connect,
  createServer as createSocket,
  type Server as NetServer,
  type Socket,
} from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { until } from '../harness.ts';

export type Files = Readonly<Record<string, string | undefined>>;

export const agent = (name: string, more = ''): string =>
  `apiVersion: sac/v1\nkind: Agent\nmetadata:\n  name: ${name}\nspec:\n  command: [sleep, "1000"]\n${more}`;

export class Forge implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'sac-forge-'));
  readonly #servers: Server[] = [];
  readonly #processes: ChildProcess[] = [];
  readonly #mute: NetServer[] = [];
  readonly #sockets: Socket[] = [];
  readonly #env: Readonly<Record<string, string>>;

  constructor() {
    mkdirSync(join(this.dir, 'home'));
    this.#env = {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      HOME: join(this.dir, 'home'),
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'Ada',
      GIT_AUTHOR_EMAIL: 'ada@example.org',
      GIT_COMMITTER_NAME: 'Ada',
      GIT_COMMITTER_EMAIL: 'ada@example.org',
      GNUPGHOME: join(this.dir, 'gnupg'),
    };
  }

  git(cwd: string, args: readonly string[], stdin?: string | Uint8Array): string {
    return execFileSync('git', [...args], {
      cwd,
      env: this.#env,
      stdio: ['pipe', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
      ...(stdin !== undefined && { input: stdin }),
    })
      .toString()
      .trim();
  }

  run(argv: readonly [string, ...string[]], stdin?: string): string {
    const [program, ...args] = argv;
    return execFileSync(program, args, {
      cwd: this.dir,
      env: this.#env,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(stdin !== undefined && { input: stdin }),
    }).toString();
  }

  repo(name = 'fleet'): Repo {
    return new Repo(this, name);
  }

  /** Smart http by git's own backend; `user`: only with this password. Resolves with the base address. */
  async http(
    auth?: { readonly user: string; readonly password: string },
    tls?: { readonly cert: string; readonly key: string },
  ): Promise<string> {
    const handle = (request: IncomingMessage, response: ServerResponse) => this.#backend(request, response, auth);
    const server = tls
      ? createTlsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, handle)
      : createServer(handle);
    this.#servers.push(server);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** A certificate for 127.0.0.1. */
  certificate(): { readonly cert: string; readonly key: string } {
    const [cert, key] = [join(this.dir, 'tls.crt'), join(this.dir, 'tls.key')];
    this.run([
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=forge',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
      '-keyout',
      key,
      '-out',
      cert,
    ]);
    return { cert, key };
  }

  /** A real sshd with keys of its own. */
  async ssh(): Promise<{ readonly base: string; readonly key: string; readonly knownHosts: string }> {
    const dir = join(this.dir, 'sshd');
    mkdirSync(dir, { mode: 0o700 });
    for (const name of ['host', 'user', 'stranger'])
      this.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(dir, name)]);
    writeFileSync(join(dir, 'authorized'), readFileSync(join(dir, 'user.pub')), { mode: 0o600 });
    const port = await freePort();
    writeFileSync(
      join(dir, 'config'),
      [
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${join(dir, 'host')}`,
        `AuthorizedKeysFile ${join(dir, 'authorized')}`,
        `PidFile ${join(dir, 'pid')}`,
        'StrictModes no',
        'UsePAM no',
        'PasswordAuthentication no',
        'KbdInteractiveAuthentication no',
        'PermitRootLogin prohibit-password',
        'AcceptEnv GIT_PROTOCOL',
      ].join('\n'),
    );
    if (!existsSync('/run/sshd')) mkdirSync('/run/sshd', { mode: 0o755 });
    this.#processes.push(spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(dir, 'config')], { stdio: 'ignore' }));
    await until('sshd listens', () => answers(port));
    const hostKey = readFileSync(join(dir, 'host.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
    writeFileSync(join(dir, 'known_hosts'), `[127.0.0.1]:${port} ${hostKey}\n`);
    return {
      base: `ssh://${userInfo().username}@127.0.0.1:${port}${this.dir}`,
      key: join(dir, 'user'),
      knownHosts: join(dir, 'known_hosts'),
    };
  }

  /** Address of a server that takes connections and never says a word. */
  async silent(): Promise<string> {
    const server = createSocket();
    this.#mute.push(server);
    server.on('connection', (socket) => this.#sockets.push(socket));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/fleet.git`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#mute) server.close();
    for (const child of this.#processes) child.kill('SIGTERM');
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
    if (existsSync(join(this.dir, 'gnupg')))
      try {
        this.run(['gpgconf', '--kill', 'all']);
      } catch {
        // No agent was started.
      }
    rmSync(this.dir, { recursive: true, force: true });
  }

  #backend(
    request: IncomingMessage,
    response: ServerResponse,
    auth?: { readonly user: string; readonly password: string },
  ): void {
    const expected = auth && `Basic ${Buffer.from(`${auth.user}:${auth.password}`).toString('base64')}`;
    if (expected !== undefined && request.headers.authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="forge"' }).end();
      return;
    }
    const url = new URL(request.url ?? '/', 'http://forge');
    const {
      'content-type': type = '',
      'git-protocol': protocol = '',
      'content-encoding': encoding = '',
    } = request.headers;
    const child = spawn('git', ['http-backend'], {
      env: {
        ...this.#env,
        GIT_PROJECT_ROOT: this.dir,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? 'GET',
        CONTENT_TYPE: type,
        HTTP_CONTENT_ENCODING: encoding,
        GIT_PROTOCOL: Array.isArray(protocol) ? '' : protocol,
        REMOTE_USER: auth?.user ?? '',
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    request.pipe(child.stdin);
    child.stdin.on('error', () => undefined);
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', () => {
      const answer = Buffer.concat(chunks);
      const end = answer.indexOf('\r\n\r\n');
      const headers = Object.fromEntries(
        answer
          .subarray(0, end)
          .toString()
          .split('\r\n')
          .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
      );
      const { status = '200', ...rest } = headers;
      response.writeHead(Number.parseInt(status, 10), rest).end(answer.subarray(end + 4));
    });
  }
}

export class Repo {
  readonly #forge: Forge;
  readonly bare: string;
  readonly work: string;

  constructor(forge: Forge, name: string) {
    this.#forge = forge;
    this.bare = join(forge.dir, `${name}.git`);
    this.work = join(forge.dir, `${name}-work`);
    forge.git(forge.dir, ['init', '-q', '--bare', '-b', 'main', this.bare]);
    forge.git(forge.dir, ['init', '-q', '-b', 'main', this.work]);
    forge.git(this.work, ['remote', 'add', 'origin', this.bare]);
  }

  get url(): string {
    return `file://${this.bare}`;
  }

  git(...args: readonly string[]): string {
    return this.#forge.git(this.work, args);
  }

  /** Writes (undefined: deletes) files and commits; returns the commit. */
  commit(files: Files, how: readonly string[] = []): string {
    for (const [path, content] of Object.entries(files)) {
      const target = join(this.work, path);
      if (content === undefined) rmSync(target, { recursive: true, force: true });
      else {
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, content);
      }
    }
    this.git('add', '-A');
    this.git('commit', '-q', '--allow-empty', '-m', 'change', ...how);
    return this.git('rev-parse', 'HEAD');
  }

  push(files: Files, how: readonly string[] = []): string {
    const commit = this.commit(files, how);
    this.git('push', '-q', 'origin', 'HEAD');
    return commit;
  }

  /** Writes an object as it is, whatever git thinks of it. */
  object(type: 'blob' | 'tree' | 'commit', content: string | Uint8Array): string {
    return this.#forge.git(this.bare, ['hash-object', '-t', type, '-w', '--stdin', '--literally'], content);
  }

  /** A commit of a tree made by hand; the branch points at it afterwards. */
  commitTree(tree: string, branch = 'main'): string {
    const commit = this.#forge.git(this.bare, ['commit-tree', '-m', 'made by hand', tree]);
    this.#forge.git(this.bare, ['update-ref', `refs/heads/${branch}`, commit]);
    return commit;
  }

  mktree(entries: readonly (readonly [mode: string, type: string, id: string, name: string])[]): string {
    return this.#forge.git(
      this.bare,
      ['mktree', '-z', '--missing'],
      entries.map(([mode, type, id, name]) => `${mode} ${type} ${id}\t${name}\0`).join(''),
    );
  }
}

/** One tree entry as git stores it; also names that mktree would not take. */
export const rawEntry = (mode: string, name: string, id: string): Buffer =>
  Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]);

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createSocket();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/** A GnuPG home with one key that can sign without a passphrase; answers its fingerprint and its public half. */
export function gpgKey(forge: Forge, name: string): { readonly fingerprint: string; readonly armoured: string } {
  const home = join(forge.dir, 'gnupg');
  if (!existsSync(home)) mkdirSync(home, { mode: 0o700 });
  chmodSync(home, 0o700);
  const address = `${name}@example.org`;
  forge.run([
    'gpg',
    '--batch',
    '--quiet',
    '--pinentry-mode',
    'loopback',
    '--passphrase',
    '',
    '--quick-generate-key',
    address,
    'ed25519',
    'sign',
    'never',
  ]);
  const listing = forge.run(['gpg', '--batch', '--with-colons', '--list-keys', address]);
  const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(listing)?.[1] ?? '';
  return { fingerprint, armoured: forge.run(['gpg', '--batch', '--armor', '--export', address]) };
}

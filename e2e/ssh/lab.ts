/**
 * Owns: real sshd on loopback ports for a test, with own host keys, users and login shells; and their removal.
 * Never: touches the machine's own sshd, its users or anybody's ~/.ssh. Needs root.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSshTransport, type SshTransportOptions } from '../../adapters/transport/ssh/ssh-transport.ts';
import { type Transport, TransportError } from '../../adapters/transport/transport.ts';
import type { HostName } from '../../api/resources/names.ts';
import { until } from '../harness.ts';

export interface SshdOptions {
  readonly maxSessions?: number;
  /** A namespace it lives in; absent: this machine's own network. */
  readonly network?: { readonly name: string; readonly address: string };
  /** Further lines of sshd_config. */
  readonly config?: readonly string[];
}

let labs = 0;

export class SshLab implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'sac-ssh-'));
  readonly knownHosts = join(this.dir, 'known_hosts');
  readonly identity = join(this.dir, 'identity');
  readonly #number = labs++;
  readonly #users: string[] = [];
  readonly #servers: Sshd[] = [];
  readonly #transports: Transport[] = [];

  constructor() {
    chmodSync(this.dir, 0o755);
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    this.keygen(this.identity);
    execFileSync('cp', [`${this.identity}.pub`, join(this.dir, 'authorized_keys')]);
    writeFileSync(this.knownHosts, '');
  }

  keygen(file: string, type = 'ed25519', ...more: readonly string[]): void {
    // It would ask whether what a first try left may be overwritten.
    rmSync(file, { force: true });
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'sac test', '-f', file, ...more]);
  }

  /** A user with a home of its own, whom our key lets in. */
  user(shell: string): string {
    const name =
      `sac${process.pid}n${this.#number}u${this.#users.length}${shell.replace(/^.*\//, '').replaceAll('-', '')}`.slice(
        0,
        31,
      );
    const home = join(this.dir, 'home', name);
    mkdirSync(join(this.dir, 'home'), { recursive: true });
    const path = shell.startsWith('/') ? shell : `/usr/bin/${shell}`;
    execFileSync('useradd', [
      '--no-user-group',
      '-g',
      'nogroup',
      '-m',
      '-k',
      '/dev/null',
      '-d',
      home,
      '-s',
      path,
      '-p',
      '*',
      name,
    ]);
    this.#users.push(name);
    return name;
  }

  homeOf = (user: string): string => join(this.dir, 'home', user);

  /** So many were started. */
  get count(): number {
    return this.#servers.length;
  }

  async sshd(options: SshdOptions = {}): Promise<Sshd> {
    const server = new Sshd(this, join(this.dir, `sshd${this.#servers.length}`), await freePort(), options);
    this.#servers.push(server);
    await server.start();
    return server;
  }

  /** A transport to it as root, or as told. Its host key is in our known_hosts unless told otherwise. */
  transport(sshd: Sshd, more: Partial<SshTransportOptions> = {}): Transport {
    return this.open({ ...this.options(sshd), ...more });
  }

  open(options: SshTransportOptions): Transport {
    const transport = createSshTransport(options);
    this.#transports.push(transport);
    return transport;
  }

  options(sshd: Sshd): SshTransportOptions {
    return {
      host: 'lab' as HostName,
      address: sshd.address,
      port: sshd.port,
      user: 'root',
      identityFile: this.identity,
      knownHostsFiles: [this.knownHosts],
      sshConfigFile: 'none',
      home: this.dir,
      localUser: 'nobody',
      now: Date.now,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport[Symbol.asyncDispose]()));
    for (const server of this.#servers) server.stop();
    for (const name of this.#users) {
      for (const pid of pidsOf(name)) end(pid, 'SIGKILL');
      execFileSync('userdel', [name], { stdio: 'ignore' });
    }
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

export class Sshd {
  readonly port: number;
  readonly address: string;
  readonly dir: string;
  readonly #network: SshdOptions['network'];
  readonly #lab: SshLab;
  #listener: ChildProcess | undefined;

  constructor(lab: SshLab, dir: string, port: number, { maxSessions = 10, config = [], network }: SshdOptions) {
    this.#network = network;
    this.address = network?.address ?? '127.0.0.1';
    this.#lab = lab;
    this.dir = dir;
    this.port = port;
    mkdirSync(dir);
    this.newHostKey();
    this.trust();
    writeFileSync(
      join(dir, 'sshd_config'),
      [
        `Port ${port}`,
        `ListenAddress ${this.address}`,
        `HostKey ${join(dir, 'host_key')}`,
        `AuthorizedKeysFile ${join(lab.dir, 'authorized_keys')}`,
        `PidFile ${join(dir, 'pid')}`,
        'StrictModes no',
        'UsePAM no',
        'PasswordAuthentication no',
        'PermitRootLogin prohibit-password',
        'MaxStartups 200',
        `MaxSessions ${maxSessions}`,
        ...config,
        // The profile files of this machine's root are none of ours.
        'Match User root',
        `SetEnv HOME=${lab.dir}`,
        '',
      ].join('\n'),
    );
  }

  /** The pid of the process that listens. */
  get pid(): number {
    return this.#listener?.pid ?? 0;
  }

  get publicKey(): string {
    return readFileSync(join(this.dir, 'host_key.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
  }

  newHostKey(): void {
    for (const file of ['host_key', 'host_key.pub']) rmSync(join(this.dir, file), { force: true });
    this.#lab.keygen(join(this.dir, 'host_key'));
  }

  /** Adds its key to the known_hosts of the lab. */
  trust(): void {
    writeFileSync(this.#lab.knownHosts, `[${this.address}]:${this.port} ${this.publicKey}\n`, { flag: 'a' });
  }

  async start(): Promise<void> {
    const inside = this.#network ? ['ip', 'netns', 'exec', this.#network.name] : [];
    const [program = '', ...args] = [...inside, '/usr/sbin/sshd', '-D', '-e', '-f', join(this.dir, 'sshd_config')];
    let said = '';
    const begin = (): ChildProcess => {
      said = '';
      const listener = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      listener.stderr?.on('data', (chunk) => {
        said += chunk;
      });
      this.#listener = listener;
      return listener;
    };
    let listener = begin();
    await until('sshd listens', () => {
      if (listener.exitCode === null) return said.includes('Server listening');
      const why = said;
      // Its port was free when it was chosen: somebody's connection may have it for a moment.
      listener = begin();
      throw new Error(`sshd ended: ${why}`);
    });
  }

  /** The listener and all its connections, but not what they started. */
  get processes(): readonly number[] {
    const found = [this.pid];
    const parents = processTable().filter(({ name }) => name.startsWith('sshd'));
    for (let i = 0; i < found.length; i++)
      for (const { pid, parent } of parents) if (parent === found[i]) found.push(pid);
    return found.filter((pid) => pid > 0);
  }

  stop(): void {
    for (const pid of this.processes) end(pid, 'SIGKILL');
    this.#listener = undefined;
  }

  signal(signal: NodeJS.Signals): void {
    for (const pid of this.processes) end(pid, signal);
  }
}

/** A way for the conformance suite: as root through an sshd of its own, behind a hop. */
export async function overSsh(): Promise<{ readonly transport: Transport } & AsyncDisposable> {
  const lab = new SshLab();
  const hop = await lab.sshd();
  const sshd = await lab.sshd();
  const jump = [{ address: '127.0.0.1', port: hop.port, user: 'root', identityFile: lab.identity }];
  return { transport: lab.transport(sshd, { jump }), [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose]() };
}

/** The error of what must fail. */
export async function failure(promise: Promise<unknown>): Promise<TransportError> {
  const error = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof TransportError)) throw error;
  return error;
}

/** A zombie has ended, whoever has yet to collect it. */
export function isAlive(pid: number): boolean {
  try {
    return !/^\S+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function end(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone meanwhile.
  }
}

interface Row {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
}

function processTable(): readonly Row[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const [, name = '', parent = '0'] =
          /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${entry}/stat`, 'latin1')) ?? [];
        return [{ pid: Number(entry), parent: Number(parent), name }];
      } catch {
        return [];
      }
    });
}

function pidsOf(user: string): readonly number[] {
  try {
    return execFileSync('ps', ['-o', 'pid=', '-u', user], { encoding: 'utf8' })
      .trim()
      .split(/\s+/)
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}

/** Free in this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

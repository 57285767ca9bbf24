/**
 * Owns: a git repository for benchmarks, bare, over file, and a server that takes connections and never answers.
 * Never: reads the user's git configuration.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';

export class BenchRepository {
  readonly url: string;
  readonly #work: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor(dir: string, name: string) {
    const bare = join(dir, `${name}.git`);
    this.url = `file://${bare}`;
    this.#work = join(dir, `${name}-work`);
    this.#env = {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      HOME: dir,
      GIT_CONFIG_NOSYSTEM: '1',
      ...{ GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.org' },
      ...{ GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.org' },
    };
    mkdirSync(this.#work, { recursive: true });
    this.#git('init', '-q', '--bare', '-b', 'main', bare);
    this.#git('init', '-q', '-b', 'main', '.');
    this.#git('remote', 'add', 'origin', bare);
  }

  /** Returns the commit. */
  push(files: Readonly<Record<string, string>>): string {
    for (const [path, text] of Object.entries(files)) {
      const target = join(this.#work, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, text);
    }
    this.#git('add', '-A');
    this.#git('commit', '-q', '-m', 'change');
    this.#git('push', '-q', 'origin', 'HEAD');
    return this.#git('rev-parse', 'HEAD');
  }

  #git(...args: readonly string[]): string {
    return execFileSync('git', args, { cwd: this.#work, env: this.#env, encoding: 'utf8' }).trim();
  }
}

export interface SilentServer extends Disposable {
  readonly url: string;
}

export async function silentServer(): Promise<SilentServer> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => sockets.push(socket));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const at = server.address();
  const port = typeof at === 'object' && at ? at.port : 0;
  return {
    url: `http://127.0.0.1:${port}/fleet.git`,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

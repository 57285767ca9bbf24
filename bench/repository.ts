/**
 * Owns: a git repository for benchmarks, bare, over file, and servers that are broken.
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
      // Otherwise every third push of thousands of files packs them in the background, while something is measured.
      ...{ GIT_CONFIG_COUNT: '2', GIT_CONFIG_KEY_0: 'gc.auto', GIT_CONFIG_VALUE_0: '0' },
      ...{ GIT_CONFIG_KEY_1: 'maintenance.auto', GIT_CONFIG_VALUE_1: 'false' },
      ...{ GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.org' },
      ...{ GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.org' },
    };
    mkdirSync(this.#work, { recursive: true });
    this.#git('init', '-q', '--bare', '-b', 'main', bare);
    this.#git('init', '-q', '-b', 'main', '.');
    this.#git('remote', 'add', 'origin', bare);
  }

  /** The same with these files alone. */
  replace(files: Readonly<Record<string, string>>): string {
    this.#git('rm', '-rq', '--ignore-unmatch', '.');
    return this.push(files);
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

export interface BrokenServer extends Disposable {
  readonly url: string;
}

/** `silent` takes connections and never answers; `slow` answers without end; `redirecting` sends to itself. */
export async function brokenServer(how: 'silent' | 'slow' | 'redirecting'): Promise<BrokenServer> {
  const sockets: Socket[] = [];
  const drips: NodeJS.Timeout[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    if (how === 'silent') return;
    socket.once('data', () => {
      if (how === 'redirecting') {
        socket.end('HTTP/1.1 302 Found\r\nLocation: /fleet.git\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
        return;
      }
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n');
      drips.push(setInterval(() => socket.write('0'), 50));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const at = server.address();
  const port = typeof at === 'object' && at ? at.port : 0;
  return {
    url: `http://127.0.0.1:${port}/fleet.git`,
    [Symbol.dispose]() {
      for (const drip of drips) clearInterval(drip);
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

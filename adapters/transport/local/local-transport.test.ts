import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Transport, TransportError } from '../transport.ts';
import { clearUnfinished } from './files.ts';
import { baseEnvironment, createLocalTransport } from './local-transport.ts';

let t: Transport;
let dir: string;
beforeEach(() => {
  t = createLocalTransport({ ...process.env, ANTHROPIC_API_KEY: 'secret', LC_TIME: 'C' });
  dir = mkdtempSync(join(tmpdir(), 'sac-transport-'));
});
afterEach(async () => {
  await t[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const failure = async (promise: Promise<unknown>): Promise<TransportError> => {
  const error = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof TransportError)) throw error;
  return error;
};

/** A zombie has ended, whoever has yet to collect it. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^\S+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};
async function until(what: string, ask: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !ask(); ) {
    if (Date.now() > end) throw new Error(`did not happen: ${what}`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
}

it('what a process killed in the middle of writing left is cleared away, and nothing else', async () => {
  const launch = join(dir, 'launch');
  mkdirSync(launch);
  for (const name of ['web.sh', 'web.sh.0123456789ab.tmp', 'notes.tmp']) writeFileSync(join(launch, name), 'secret');
  await clearUnfinished([dir, join(dir, 'nowhere')]);
  expect(readdirSync(launch).sort()).toEqual(['notes.tmp', 'web.sh']);
});

describe('the base environment', () => {
  it('is an allow-list: no token of the controller reaches an agent', async () => {
    expect(
      baseEnvironment({
        HOME: '/h',
        LC_ALL: 'C',
        XDG_RUNTIME_DIR: '/r',
        SAC_ID: 'x',
        AWS_SECRET: 'y',
        LD_PRELOAD: 'z',
        PATHS: 'w',
      }),
    ).toEqual({ HOME: '/h', LC_ALL: 'C', XDG_RUNTIME_DIR: '/r' });
    const { stdout } = await t.run(['env']);
    expect(stdout).toContain('LC_TIME=C\n');
    expect(stdout).not.toContain('secret');
  });
});

describe('run', () => {
  it('passes words as they are, stdin, environment and folder; a failing exit is a value', async () => {
    const said = await t.run(
      ['sh', '-c', 'printf "%s|" "$@" "$X" "$PWD"; cat; echo oops >&2; exit 3', 'sh', '$(id)', "a'b\nc"],
      { stdin: 'from stdin', env: { X: 'y', PATH: process.env['PATH'] ?? '' }, cwd: dir },
    );
    expect(said).toEqual({ code: 3, stdout: `$(id)|a'b\nc|y|${dir}|from stdin`, stderr: 'oops\n' });
  });

  it('tells a signal as a shell does', async () => {
    expect((await t.run(['sh', '-c', 'kill -KILL $$'])).code).toBe(137);
  });

  it('takes a program that does not read its input', async () => {
    expect((await t.run(['true'], { stdin: 'x'.repeat(1_000_000) })).code).toBe(0);
  });

  it('returns all of a large answer', async () => {
    expect((await t.run(['head', '-c', '5000000', '/dev/zero'])).stdout.length).toBe(5_000_000);
  });

  it('says when a program or folder is missing', async () => {
    expect((await failure(t.run(['no-such-program-of-ours']))).kind).toBe('missing-program');
    expect((await failure(t.run(['true'], { cwd: join(dir, 'nowhere') }))).message).toContain('nowhere');
    expect((await failure(t.run([join(dir)]))).kind).toBe('missing-program');
  });

  it('ends what takes too long, with all it started', async () => {
    const error = await failure(
      t.run(['sh', '-c', `sleep 1000 & echo $! > ${dir}/pid.tmp; mv ${dir}/pid.tmp ${dir}/pid; wait`], {
        timeoutMs: 300,
      }),
    );
    expect(error.kind).toBe('timeout');
    const pid = Number(readFileSync(join(dir, 'pid'), 'utf8'));
    await until('the grandchild is gone', () => !isAlive(pid));
  });

  it('does not wait for a detached child that holds its output', async () => {
    const { code, stdout } = await t.run(['sh', '-c', 'setsid sleep 1000 & echo $!'], { timeoutMs: 10_000 });
    const pid = Number(stdout);
    expect(code).toBe(0);
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
  });

  it('can be cancelled', async () => {
    const abort = new AbortController();
    const running = failure(t.run(['sleep', '1000'], { signal: abort.signal }));
    abort.abort();
    expect((await running).kind).toBe('closed');
    expect((await failure(t.run(['true'], { signal: abort.signal }))).kind).toBe('closed');
  });

  it('refuses an answer without end instead of returning half of it', async () => {
    expect((await failure(t.run(['cat', '/dev/zero'], { timeoutMs: 60_000 }))).message).toContain('answered more than');
  });
});

describe('converse', () => {
  it('talks line by line and tells the end once', async () => {
    const lines: string[] = [];
    const conversation = t.converse(
      ['sh', '-c', 'while read -r line; do echo "got $line"; [ "$line" = bye ] && exit 4; done'],
      (line) => lines.push(line),
    );
    conversation.write('a\rb');
    conversation.write('bye');
    expect(await conversation.closed).toEqual({ reason: 'sh ended (code 4)' });
    expect(lines).toEqual(['got a\rb', 'got bye']);
    expect(() => conversation.write('x')).toThrow(TransportError);
  });

  it('tells when the program is missing', async () => {
    expect((await t.converse(['no-such-program-of-ours'], () => undefined).closed).reason).toContain('not installed');
  });

  it('ends with its disposal, and with the transport', async () => {
    const first = t.converse(['sleep', '1000'], () => undefined);
    first[Symbol.dispose]();
    expect((await first.closed).reason).toBe('sleep was let go');
    const second = t.converse(['sleep', '1000'], () => undefined);
    await t[Symbol.asyncDispose]();
    expect((await second.closed).reason).toBe('sleep was let go');
  });
});

describe('readFile', () => {
  it('reads the beginning of a plain file, and nothing else: no link, no folder, no pipe that nobody writes to', async () => {
    const path = join(dir, 'file');
    writeFileSync(path, 'héllo');
    symlinkSync(path, join(dir, 'link'));
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    const read = async (name: string, max = 100) => {
      const content = await t.readFile?.(join(dir, name), max);
      return content && Buffer.from(content).toString('utf8');
    };
    expect(await read('file')).toBe('héllo');
    expect(await read('file', 1)).toBe('h');
    for (const name of ['link', '.', 'pipe', 'absent', 'file/below']) expect(await read(name)).toBeUndefined();
  });
});

describe('putFiles', () => {
  it('makes private folders, sets the mode, replaces, and leaves nothing else', async () => {
    const path = join(dir, 'a', 'b', 'file');
    await t.putFiles([{ path, content: 'one', mode: 0o600 }]);
    await t.putFiles([
      { path, content: 'two', mode: 0o600 },
      { path: `${path}.sh`, content: Buffer.from('x'), mode: 0o755 },
    ]);
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}.sh`).mode & 0o777).toBe(0o755);
    expect(statSync(join(dir, 'a')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(dir, 'a', 'b')).sort()).toEqual(['file', 'file.sh']);
  });

  it('says what could not be written, and leaves no temporary file', async () => {
    await t.putFiles([{ path: join(dir, 'file'), content: '', mode: 0o600 }]);
    const error = await failure(t.putFiles([{ path: join(dir, 'file', 'below'), content: '', mode: 0o600 }]));
    expect(error.message).toContain(join(dir, 'file', 'below'));
    await failure(t.putFiles([{ path: dir, content: '', mode: 0o600 }]));
    expect(readdirSync(dir)).toEqual(['file']);
  });
});

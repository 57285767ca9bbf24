import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Transport, TransportError } from '../../adapters/transport/transport.ts';
import { until } from '../harness.ts';
import { failure, isAlive, type Sshd, SshLab } from './lab.ts';

let lab: SshLab;
let sshd: Sshd;
let t: Transport;
let dir: string;
beforeAll(async () => {
  lab = new SshLab();
  sshd = await lab.sshd();
  t = lab.transport(sshd);
});
afterAll(() => lab[Symbol.asyncDispose]());
beforeEach(() => {
  dir = mkdtempSync(join(lab.dir, 'test-'));
});

describe('run over SSH', () => {
  it('passes words as they are, stdin, environment and folder; a failing exit is a value', async () => {
    const said = await t.run(
      ['sh', '-c', 'printf "%s|" "$@" "$X" "$PWD"; cat; echo oops >&2; exit 3', 'sh', '$(id)', "a'b\nc"],
      { stdin: 'from stdin', env: { X: 'y!\n', PATH: '/usr/bin:/bin' }, cwd: dir },
    );
    expect(said).toEqual({ code: 3, stdout: `$(id)|a'b\nc|y!\n|${dir}|from stdin`, stderr: 'oops\n' });
  });

  it('has exactly the declared environment, or what is allowed of the one over there', async () => {
    expect((await t.run(['env'], { env: { 'odd.name': '1', A: 'é\n' } })).stdout).toBe('odd.name=1\nA=é\n\n');
    const names = (await t.run(['env'])).stdout.split('\n').map((line) => line.split('=')[0]);
    expect(names).toContain('HOME');
    expect(names).toContain('PATH');
    expect(names.filter((name) => name?.startsWith('SSH_'))).toEqual([]);
  });

  it('reads nothing when there is nothing to read', async () => {
    expect((await t.run(['cat'])).stdout).toBe('');
  });

  it('runs programs with strange names', async () => {
    const program = join(dir, 'A=b $(id) é');
    await t.putFiles([{ path: program, content: '#!/bin/sh\nprintf "%s" "$1"\n', mode: 0o755 }]);
    expect((await t.run([program, 'x'])).stdout).toBe('x');
  });

  it('tells a signal as a shell does', async () => {
    expect((await t.run(['sh', '-c', 'kill -KILL $$'])).code).toBe(137);
  });

  it('takes a program that does not read its input', async () => {
    expect((await t.run(['true'], { stdin: 'x'.repeat(5_000_000) })).code).toBe(0);
  });

  it('returns all of a large answer, and of a large question', async () => {
    expect((await t.run(['head', '-c', '5000000', '/dev/zero'])).stdout.length).toBe(5_000_000);
    const big = 'é\n'.repeat(1_000_000);
    expect((await t.run(['cat'], { stdin: big })).stdout === big).toBe(true);
    const words = Array.from({ length: 50 }, (_, i) => `${i}`.repeat(500));
    expect((await t.run(['printf', '%s,', ...words])).stdout).toBe(`${words.join(',')},`);
  });

  it('says when a program or folder is missing; 127 of its own is a value', async () => {
    expect(await failure(t.run(['no-such-program-of-ours']))).toMatchObject({
      kind: 'missing-program',
      message: expect.stringContaining('no-such-program-of-ours'),
    });
    expect((await failure(t.run(['true'], { cwd: join(dir, 'nowhere') }))).kind).toBe('missing-program');
    expect((await failure(t.run(['true'], { cwd: join(dir, 'nowhere') }))).message).toContain('nowhere');
    expect((await failure(t.run([dir]))).kind).toBe('missing-program');
    expect((await failure(t.run([join(dir, 'nope')]))).kind).toBe('missing-program');
    expect((await failure(t.run(['sh', '-c', 'exit 1'], { env: { PATH: dir } }))).kind).toBe('missing-program');
    expect((await t.run(['sh', '-c', 'exit 127'])).code).toBe(127);
  });

  it('ends what takes too long, with all it started', async () => {
    const running = t.run(['sh', '-c', `sleep 1000 & echo $! > ${dir}/pid.tmp; mv ${dir}/pid.tmp ${dir}/pid; wait`], {
      timeoutMs: 3_000,
    });
    expect((await failure(running)).kind).toBe('timeout');
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
    const running = failure(
      t.run(['sh', '-c', `echo $$ > ${dir}/pid.tmp; mv ${dir}/pid.tmp ${dir}/pid; exec sleep 1000`], {
        signal: abort.signal,
      }),
    );
    await until('it runs', () => existsSync(join(dir, 'pid')));
    abort.abort();
    expect((await running).kind).toBe('closed');
    await until('it is gone', () => !isAlive(Number(readFileSync(join(dir, 'pid'), 'utf8'))));
    expect((await failure(t.run(['true'], { signal: abort.signal }))).kind).toBe('closed');
  });

  it('refuses an answer without end instead of returning half of it', async () => {
    expect((await failure(t.run(['cat', '/dev/zero'], { timeoutMs: 60_000 }))).message).toContain('answered more than');
  });

  it('runs a hundred at once over one connection', async () => {
    const fresh = lab.transport(sshd);
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, i) => fresh.run(['sh', '-c', 'printf "%s $PPID" "$1"', 'sh', String(i)])),
    );
    expect(all.map(({ stdout }) => stdout.split(' ')[0])).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
    // All were started by the one sshd process of this connection.
    expect(new Set(all.map(({ stdout }) => stdout.split(' ')[1])).size).toBe(1);
  });
});

describe('converse over SSH', () => {
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

  it('ends with its disposal, and with the transport, over there too', async () => {
    const other = lab.transport(sshd);
    const begin = async () => {
      let pid = 0;
      const conversation = other.converse(['sh', '-c', 'echo $$; exec sleep 1000'], (line) => {
        pid = Number(line);
      });
      await until('it runs', () => pid);
      return { conversation, pid };
    };
    const first = await begin();
    first.conversation[Symbol.dispose]();
    expect((await first.conversation.closed).reason).toBe('sh was let go');
    await until('the first is gone', () => !isAlive(first.pid));
    const second = await begin();
    await other[Symbol.asyncDispose]();
    expect((await second.conversation.closed).reason).toBe('sh was let go');
    await until('the second is gone', () => !isAlive(second.pid));
    expect((await failure(other.run(['true']))).kind).toBe('closed');
    expect((await other.converse(['true'], () => undefined).closed).reason).not.toBe('');
  });
});

describe('putFiles over SSH', () => {
  it('makes private folders, sets the mode, replaces, and leaves nothing else', async () => {
    const path = join(dir, "a 'b' $(id) é\n!", 'b', 'file');
    await t.putFiles([{ path, content: 'one', mode: 0o600 }]);
    await t.putFiles([
      { path, content: 'two', mode: 0o600 },
      { path: `${path}.sh`, content: Buffer.from('x'), mode: 0o755 },
      { path: `${path}.all`, content: '', mode: 0o644 },
    ]);
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}.sh`).mode & 0o777).toBe(0o755);
    expect(statSync(`${path}.all`).mode & 0o777).toBe(0o644);
    const folder = join(path, '..');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, '..')).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder).sort()).toEqual(['file', 'file.all', 'file.sh']);
  });

  it('writes any bytes, few and many', async () => {
    const bytes = fc.sample(fc.uint8Array({ minLength: 0, maxLength: 3_000 }), { numRuns: 30, seed: 3 });
    bytes.push(Buffer.alloc(400_000, 'a\\b\n\0é'));
    await t.putFiles(bytes.map((content, i) => ({ path: join(dir, `f${i}`), content, mode: 0o600 })));
    for (const [i, content] of bytes.entries())
      expect(readFileSync(join(dir, `f${i}`)).equals(Buffer.from(content))).toBe(true);
    expect(readdirSync(dir)).toHaveLength(bytes.length);
  });

  it('says what could not be written, writes the rest, and leaves no temporary file', async () => {
    mkdirSync(join(dir, 'folder'));
    writeFileSync(join(dir, 'file'), '');
    const error = await failure(
      t.putFiles([
        { path: join(dir, 'file', 'below'), content: 'x', mode: 0o600 },
        { path: join(dir, 'fine'), content: 'x', mode: 0o600 },
      ]),
    );
    expect(error.message).toContain(join(dir, 'file', 'below'));
    expect((await failure(t.putFiles([{ path: join(dir, 'folder'), content: '', mode: 0o600 }]))).message).toContain(
      'folder',
    );
    await failure(t.putFiles([{ path: join(dir, 'folder'), content: 'x'.repeat(100_000), mode: 0o600 }]));
    expect(readdirSync(dir).sort()).toEqual(['file', 'fine', 'folder']);
    rmSync(join(dir, 'folder'), { recursive: true });
  });
});

/** Row 5: nothing outside a directory is read or written because of a name or a symlink, also when it is swapped at the worst moment. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient } from '../../api/client.ts';
import { readAgent, readAgentsDir, readPath } from '../../api/manifests/files.ts';
import { SacError } from '../../api/resources/errors.ts';
import { execManifest, Fleet, run, until } from '../harness.ts';

/** Stands in every file outside; it must not come to light, in a message neither. */
const OUTSIDE = 'canary-of-the-outside';
const LOOKS = 1_500;

let fleet: Fleet;
let outside: string;
beforeEach(() => {
  fleet = new Fleet({}, { calls: 'here' });
  outside = join(fleet.dir, 'outside');
  mkdirSync(outside);
  // Valid, so that reading it would make an agent; and broken, so that reading it would be quoted in a message.
  writeFileSync(join(outside, 'spec.yaml'), execManifest('web', ['echo', OUTSIDE], { env: { OUTSIDE } }));
  writeFileSync(join(outside, 'broken.yaml'), `apiVersion: ${OUTSIDE}\n`);
});
afterEach(() => fleet[Symbol.asyncDispose]());

const inside = (name: string) => join(fleet.agentsDir, name);
const web = execManifest('web', ['sleep', '1000']);

describe('symlinks that lead out of an agents directory', () => {
  const links: readonly (readonly [string, () => void])[] = [
    ['a folder', () => symlinkSync(outside, inside('web'))],
    ['a folder, relative', () => symlinkSync('../outside', inside('web'))],
    [
      'a folder, through another link',
      () => {
        symlinkSync(outside, join(fleet.dir, 'hop'));
        symlinkSync('../hop', inside('web'));
      },
    ],
    [
      'a manifest',
      () => {
        mkdirSync(inside('web'));
        symlinkSync(join(outside, 'spec.yaml'), join(inside('web'), 'spec.yaml'));
      },
    ],
    [
      'a broken manifest',
      () => {
        mkdirSync(inside('web'));
        symlinkSync(join(outside, 'broken.yaml'), join(inside('web'), 'spec.yaml'));
      },
    ],
    [
      'a manifest of the whole machine',
      () => {
        mkdirSync(inside('web'));
        symlinkSync('/proc/self/environ', join(inside('web'), 'spec.yaml'));
      },
    ],
  ];
  it.each(links)('%s: refused, and nothing of it is told', async (_, link) => {
    link();
    const found = [
      await readAgentsDir(fleet.agentsDir),
      readAgent(fleet.agentsDir, 'web'),
      await readPath(fleet.agentsDir),
    ];
    for (const { documents, problems } of found) {
      expect(documents).toEqual([]);
      expect(problems.length).toBeGreaterThan(0);
      expect(JSON.stringify(problems)).not.toContain(OUTSIDE);
    }
  });
});

/** Exchanges two paths in one step: renameat2(2) with RENAME_EXCHANGE. */
const EXCHANGE = `
import ctypes, sys, time
libc = ctypes.CDLL(None)
a, b = (path.encode() for path in sys.argv[1:3])
while libc.renameat2(-100, a, -100, b, 2) == 0: time.sleep(float(sys.argv[3]))
`;

/** Takes turns between two states of a path until it is killed, with pauses (seconds) or as fast as the machine can. */
const swapping = (paths: readonly [string, string], pause: number): ChildProcess =>
  spawn('python3', ['-c', EXCHANGE, ...paths, String(pause)], { stdio: 'ignore' });

describe('symlinks swapped in while a directory is read', () => {
  const states: readonly (readonly [string, () => readonly [string, string]])[] = [
    [
      'the folder',
      () => {
        mkdirSync(inside('web'));
        writeFileSync(join(inside('web'), 'spec.yaml'), web);
        symlinkSync(outside, join(fleet.dir, 'swap'));
        return [inside('web'), join(fleet.dir, 'swap')];
      },
    ],
    [
      'the manifest',
      () => {
        mkdirSync(inside('web'));
        writeFileSync(join(inside('web'), 'spec.yaml'), web);
        symlinkSync(join(outside, 'spec.yaml'), join(fleet.dir, 'swap'));
        return [join(inside('web'), 'spec.yaml'), join(fleet.dir, 'swap')];
      },
    ],
  ];
  it.each(states)('%s: what is outside is never read', async (_, prepare) => {
    const child = swapping(prepare(), 0);
    try {
      let read = 0;
      let refused = 0;
      for (let i = 0; i < LOOKS || read === 0 || refused === 0; i++) {
        for (const { documents, problems } of [await readAgentsDir(fleet.agentsDir), await readPath(fleet.agentsDir)]) {
          const told = JSON.stringify([documents, problems]);
          if (told.includes(OUTSIDE)) expect(told).not.toContain(OUTSIDE);
          read += documents.length;
          refused += problems.length;
        }
        if (i > 50 * LOOKS) throw new Error(`the swapping was never seen: ${read} read, ${refused} refused`);
      }
      expect(child.exitCode).toBeNull();
    } finally {
      child.kill('SIGKILL');
    }
  });
});

it('a controller that watches while links are swapped in starts nothing from outside', async () => {
  mkdirSync(inside('web'));
  writeFileSync(join(inside('web'), 'spec.yaml'), web);
  symlinkSync(outside, join(fleet.dir, 'swap'));
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await until('web runs', async () => (await fleet.json(['get', 'agent', 'web'])).status.ready);
  const child = swapping([inside('web'), join(fleet.dir, 'swap')], 0.002);
  try {
    for (let i = 0; i < 5; i++) {
      mkdirSync(inside(`other${i}`));
      writeFileSync(join(inside(`other${i}`), 'spec.yaml'), execManifest(`other${i}`, ['true'], { suspend: true }));
      await until(
        'the directory was read',
        async () => (await fleet.here(['get', 'agent', `other${i}`, '-o', 'name'])).code === 0,
      );
      const { spec, metadata } = await fleet.json(['get', 'agent', 'web']);
      expect(spec.command).toEqual(['sleep', '1000']);
      expect(metadata.generation).toBe(1);
    }
  } finally {
    child.kill('SIGKILL');
  }
  expect(JSON.stringify(await fleet.json(['controller', 'status']))).not.toContain(OUTSIDE);
});

const NOT_NAMES = [
  '..',
  '../up',
  '/abs',
  'a/b',
  'a/../../b',
  'A',
  'a\0b',
  'x'.repeat(300),
  '%2e%2e%2fup',
  '-rf',
  'con.',
  'é',
];

it('names that are paths make no file and no folder anywhere', async () => {
  await fleet.controller();
  const before = snapshot(fleet.home);
  const client = createClient({ socket: join(fleet.home, 'sac.sock') });
  for (const name of NOT_NAMES) {
    const tries = [
      () => client.get('agents', name),
      () => client.remove(name, { force: true }),
      () => client.restart(name),
      () => client.attach(name),
      async () => {
        for await (const _ of client.logs(name)) throw new TypeError('there were logs');
      },
      () => client.create({ apiVersion: 'sac/v1', kind: 'Agent', metadata: { name }, spec: { command: ['true'] } }),
    ];
    for (const attempt of tries) await expect(attempt()).rejects.toThrow(SacError);
  }
  for (const verb of ['logs', 'restart', 'attach', 'inspect'])
    expect((await fleet.here([verb, '../../up'])).code).not.toBe(0);
  expect(snapshot(fleet.home)).toEqual(before);
  expect(existsSync(join(fleet.dir, 'up'))).toBe(false);
});

/** What grows by itself is left out. */
const snapshot = (dir: string): readonly string[] =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => !/^(?:sac\.db|audit\.log)/.test(path))
    .sort();

it('files and pipes planted where manifests are wait for nobody and are not followed', async () => {
  mkdirSync(inside('pipe'));
  const { code } = await run('mkfifo', [join(inside('pipe'), 'spec.yaml')], { env: fleet.env, cwd: fleet.dir });
  expect(code).toBe(0);
  mkdirSync(inside('zero'));
  symlinkSync('/dev/zero', join(inside('zero'), 'spec.yaml'));
  mkdirSync(join(inside('folder'), 'spec.yaml'), { recursive: true });
  mkdirSync(inside('loop'));
  symlinkSync('spec.yaml', join(inside('loop'), 'spec.yaml'));
  const { documents, problems } = await readAgentsDir(fleet.agentsDir);
  expect(documents).toEqual([]);
  expect(problems.map(({ text }) => text).join('\n')).toContain('not a regular file');
  expect(problems.length).toBeGreaterThanOrEqual(4);
});

it('a home that others can look into, or that is a link to one, is refused', async () => {
  mkdirSync(fleet.home, { mode: 0o755 });
  chmodSync(fleet.home, 0o755);
  const { code, stderr } = await fleet.here(['get', 'agents']);
  expect(code).not.toBe(0);
  expect(stderr).toContain('chmod 700');
  expect(readdirSync(fleet.home).filter((name) => name.startsWith('sac.db'))).toEqual([]);
});

it('launch files, state and logs are 0600 in folders of 0700', async () => {
  await fleet.controller();
  for (const runtime of ['tmux', 'process'])
    await fleet.ok(['apply', '-f', '-', '--wait'], {
      stdin: execManifest(runtime, ['sh', '-c', 'echo said; sleep 1000'], {
        startup: { minReadySeconds: 0 },
        place: { runtime },
        hooks: { postStart: ['echo hooked'] },
      }),
    });
  const loose = readdirSync(fleet.home, { recursive: true, encoding: 'utf8' }).filter((path) => {
    const { mode } = statSync(join(fleet.home, path), { throwIfNoEntry: false }) ?? { mode: 0 };
    return (mode & 0o077) !== 0 && !path.startsWith('workspaces/');
  });
  expect(loose).toEqual([]);
  expect(statSync(fleet.home).mode & 0o077).toBe(0);
  expect(readFileSync(join(fleet.home, 'fleet'), 'utf8')).toMatch(/^[0-9a-f]{8}\n$/);
});

/** What people complain of in kubectl, and the habits of it that scripts and fingers have learnt. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OptionDefinition, Verb } from '../../cli/verb.ts';
import { VERBS } from '../../cli/verbs/index.ts';
import { execManifest, Fleet, until } from '../harness.ts';

const SPEC = { startup: { minReadySeconds: 0 }, place: { runtime: 'process' } };
let fleet: Fleet;
beforeAll(async () => {
  fleet = new Fleet({}, { calls: 'here' });
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
});
afterAll(() => fleet[Symbol.asyncDispose]());

const apply = (stdin: string, ...args: readonly string[]) => fleet.here(['apply', '-f', '-', ...args], { stdin });

interface Between {
  readonly socket: string;
  /** Whether a watch went through it. */
  readonly watching: () => boolean;
  /** Answers are kept back, and come all at once when they are let go. */
  readonly hold: () => void;
  readonly letGo: () => void;
}

/** A socket in front of the controller's. */
async function watched<T>(run: (between: Between) => Promise<T>): Promise<T> {
  const socket = join(fleet.dir, 'between.sock');
  const answers: Socket[] = [];
  let watching = false;
  let held = false;
  const between: Server = createServer((from) => {
    const to = connect(join(fleet.home, 'sac.sock'));
    answers.push(to);
    from.on('data', (data) => {
      watching ||= data.includes('watch=true');
    });
    from.on('error', () => to.destroy()).pipe(to);
    to.on('error', () => from.destroy()).pipe(from);
    if (held) to.pause();
  });
  await new Promise<void>((listening) => between.listen(socket, listening));
  try {
    return await run({
      socket,
      watching: () => watching,
      hold() {
        held = true;
        for (const one of answers) one.pause();
      },
      letGo() {
        held = false;
        for (const one of answers) one.resume();
      },
    });
  } finally {
    await new Promise((closed) => between.close(closed));
  }
}

describe('wait', () => {
  it('fails at once when what it waits for can no longer come (kubernetes#100248, kubectl#1629)', async () => {
    // Not ready for the blink in which it runs: that would be a state that came and went, and counts.
    await apply(execManifest('fails', ['false'], { startup: { minReadySeconds: 30 }, restart: { policy: 'never' } }));
    const { code, stderr } = await fleet.here(['wait', 'fails', '--for=condition=Ready', '--timeout=1h']);
    expect(code).toBe(6);
    expect(stderr).toContain('can no longer come');
  });

  it('fails at once when it fails later on', async () => {
    const out = join(fleet.dir, 'go');
    await apply(
      execManifest('fails-later', ['sh', '-c', `until [ -e ${out} ]; do sleep 0.05; done; exit 4`], {
        ...SPEC,
        startup: { minReadySeconds: 3000 },
        restart: { policy: 'never' },
      }),
    );
    await watched(async ({ socket, watching }) => {
      const waiting = fleet.here(['--socket', socket, 'wait', 'fails-later', '--for=condition=Ready', '--timeout=1h']);
      await until('it waits', watching);
      fleet.write('go', '');
      expect((await waiting).code).toBe(6);
    });
  });

  it('ends when what it waits for is deleted (kubectl#1482)', async () => {
    await apply(execManifest('goes', ['sleep', '1000'], { ...SPEC, startup: { minReadySeconds: 3000 } }));
    await watched(async ({ socket, watching }) => {
      const waiting = fleet.here(['--socket', socket, 'wait', 'goes', '--for=condition=Ready', '--timeout=1h']);
      await until('it waits', watching);
      await fleet.ok(['delete', 'agent', 'goes']);
      expect((await waiting).code).toBe(3);
    });
  });

  it('sees a state that came and went before it could look (kubectl#1451)', async () => {
    await watched(async ({ socket, watching, hold, letGo }) => {
      const waiting = fleet.here([
        ...['--socket', socket, 'wait', 'quick', '--for=create'],
        ...["--for=jsonpath='{.status.phase}'=Running", '--timeout=1h'],
      ]);
      await until('it waits', watching);
      hold();
      const end = join(fleet.dir, 'end');
      await apply(execManifest('quick', ['sh', '-c', `until [ -e ${end} ]; do sleep 0.05; done`], SPEC));
      await fleet.ok(['wait', 'quick', "--for=jsonpath='{.status.phase}'=Running"]);
      fleet.write('end', '');
      await fleet.ok(['wait', 'quick', "--for=jsonpath='{.status.phase}'=Succeeded"]);
      letGo();
      expect((await waiting).code).toBe(0);
    });
  });

  it('looks once with --timeout=0, and takes several conditions, which must all have held', async () => {
    expect((await fleet.here(['wait', 'quick', '--for=condition=Ready', '--timeout=0'])).code).not.toBe(0);
    await apply(execManifest('stays', ['sleep', '1000'], SPEC), '--wait');
    const both = ['--for=condition=Started', "--for=jsonpath='{.status.phase}'=Running"];
    expect((await fleet.here(['wait', 'stays', ...both, '--timeout=0'])).code).toBe(0);
    expect((await fleet.here(['wait', 'stays', ...both, '--for=delete', '--timeout=0'])).code).toBe(5);
  });
});

describe('apply --prune (kubernetes#66430)', () => {
  it('tells beforehand exactly what it then does, and takes nothing of anybody else', async () => {
    const one = (name: string) => execManifest(name, ['sleep', '1000'], SPEC);
    await fleet.ok(['apply', '-f', '-', '--wait'], { stdin: `${one('kept')}---\n${one('dropped')}` });
    fleet.write('agents/elsewhere/spec.yaml', one('elsewhere'));
    await fleet.ok(['wait', 'elsewhere', '--for=create']);
    const told = await fleet.ok(['apply', '-f', '-', '--prune', '--all', '--dry-run=server'], { stdin: one('kept') });
    const done = await fleet.ok(['apply', '-f', '-', '--prune', '--all'], { stdin: one('kept') });
    const verbs = (text: string) =>
      [...text.matchAll(/^(\S+ (?:created|configured|unchanged|pruned))/gm)].map(([line]) => line).sort();
    expect(verbs(told)).toEqual(verbs(done));
    expect(verbs(done)).toContain('agent/dropped pruned');
    await until('it is gone', async () => (await fleet.here(['get', 'agent', 'dropped'])).code === 3);
    expect(await fleet.ok(['get', 'agents', 'kept', 'elsewhere', '-o', 'name'])).toBe('agent/kept\nagent/elsewhere\n');
  });

  it('goes without -l only when --all was said; with -l no other label is touched', async () => {
    const one = (name: string, team: string) =>
      execManifest(name, ['sleep', '1000'], SPEC).replace(
        `"name":"${name}"`,
        `"name":"${name}","labels":{"team":"${team}"}`,
      );
    await fleet.ok(['apply', '-f', '-', '--wait'], {
      stdin: `${one('red', 'a')}---\n${one('rot', 'a')}---\n${one('blue', 'b')}`,
    });
    for (const words of [['--prune'], ['--prune', '-l', ''], ['--prune', '--all', '-l', 'team=a'], ['--all']]) {
      const refused = await fleet.here(['apply', '-f', '-', ...words], { stdin: one('red', 'a') });
      expect([refused.code, refused.stdout]).toEqual([2, '']);
    }
    const done = await fleet.ok(['apply', '-f', '-', '--prune', '-l', 'team=a'], { stdin: one('red', 'a') });
    expect(done).toBe('agent/red unchanged\nagent/rot pruned\n');
    expect((await fleet.here(['get', 'agent', 'blue'])).code).toBe(0);
  });

  it('a dry run of delete, label, annotate and scale is checked, and changes nothing', async () => {
    await fleet.ok(['apply', '-f', '-', '--wait'], { stdin: execManifest('tried', ['sleep', '1000'], SPEC) });
    const { metadata, spec } = await fleet.json(['get', 'agent', 'tried']);
    for (const where of ['client', 'server'])
      for (const [verb, ...words] of [
        ['label', 'tried', 'a=b'],
        ['annotate', 'tried', 'a=b'],
        ['scale', 'tried', '--replicas=3'],
        ['delete', 'agent', 'tried'],
      ])
        expect(await fleet.ok([verb ?? '', ...words, `--dry-run=${where}`])).toMatch(/^agent\/tried .* \(dry run\)\n$/);
    expect((await fleet.here(['scale', 'tried', '--replicas=5000', '--dry-run=server'])).code).toBe(2);
    const now = await fleet.json(['get', 'agent', 'tried']);
    expect([now.metadata.labels, now.metadata.annotations, now.metadata.generation, now.spec]).toEqual([
      metadata.labels,
      metadata.annotations,
      metadata.generation,
      spec,
    ]);
  });

  it('prunes nothing when one of the manifests is broken', async () => {
    await fleet.ok(['apply', '-f', '-', '--wait'], { stdin: execManifest('stands', ['sleep', '1000'], SPEC) });
    const broken = execManifest('kept', ['sleep', '1000'], SPEC).replace('"profile"', '"profil"');
    expect((await apply(broken, '--prune', '--all')).code).toBe(2);
    expect((await fleet.here(['get', 'agent', 'stands'])).code).toBe(0);
  });
});

describe('habits', () => {
  it('get: NAME first, AGE last, at most 80 columns, no space in a header, no empty cell', async () => {
    await fleet.ok(['apply', '-f', '-', '--wait'], { stdin: execManifest('stays', ['sleep', '1000'], SPEC) });
    for (const plural of ['agents', 'instances', 'hosts']) {
      const [header = '', ...rows] = (await fleet.ok(['get', plural])).trimEnd().split('\n');
      const titles = header.split(/ {2,}/);
      expect([titles[0], titles.at(-1)]).toEqual(['NAME', 'AGE']);
      expect(titles.join('')).not.toContain(' ');
      expect(rows.length).toBeGreaterThan(0);
      for (const line of [header, ...rows]) {
        // Of a host all that is installed there is named.
        if (plural !== 'hosts') expect(line.length).toBeLessThanOrEqual(80);
        expect(line.trim().split(/ {2,}/)).toHaveLength(titles.length);
      }
    }
  });

  it('only what was asked for is on standard output, only what went wrong or is aside on standard error', async () => {
    const missing = await fleet.here(['get', 'agent', 'nobody']);
    expect([missing.stdout, missing.stderr.trimEnd().split('\n').length]).toEqual(['', 1]);
    const none = await fleet.here(['get', 'agents', '-l', 'no=such']);
    expect([none.code, none.stdout, none.stderr]).toEqual([0, '', 'No agents found.\n']);
    const list = await fleet.here(['get', 'agents']);
    expect([list.code, list.stderr]).toEqual([0, '']);
  });

  it('names are the same everywhere: what `get -o name` prints, every verb takes', async () => {
    const [name = ''] = (await fleet.ok(['get', 'agents', '-o', 'name'])).trim().split('\n');
    expect(name).toMatch(/^agent\/[a-z]/);
    const bare = name.replace('agent/', '');
    const outputs = await Promise.all(
      [[name], ['agent', bare], ['agents', bare], ['ag', bare]].map((words) =>
        fleet.ok(['get', ...words, '-o', 'name']),
      ),
    );
    expect(new Set(outputs)).toEqual(new Set([`${name}\n`]));
    for (const verb of [['label'], ['annotate']])
      expect(await fleet.ok([...verb, name, 'a=b'])).toMatch(new RegExp(`^${name} \\w+\n$`));
    expect(await fleet.ok(['scale', name, '--replicas=1'])).toMatch(new RegExp(`^${name} \\w+`));
    expect((await fleet.here(['wait', name, '--for=delete', '--timeout=0'])).code).toBe(5);
  });

  it('a short flag means the same in every verb', () => {
    const meanings = new Map<string, Set<string>>();
    const collect = (verb: Verb): void => {
      for (const { flags } of verb.options ?? []) {
        const [, short, long] = /^(-\w), (--[\w-]+)/.exec(flags) ?? [];
        if (short && long) meanings.set(short, (meanings.get(short) ?? new Set()).add(long));
      }
      for (const subverb of verb.subverbs ?? []) collect(subverb);
    };
    for (const verb of VERBS) collect(verb);
    // As in kubectl: -f is --filename, and --follow of logs.
    const several = [...meanings].filter(([, longs]) => longs.size > 1).map(([short, longs]) => [short, ...longs]);
    expect(several).toEqual([['-f', '--filename', '--follow']]);
    expect(Object.fromEntries([...meanings].map(([short, [long]]) => [short, long]))).toMatchObject({
      '-f': '--filename',
      '-l': '--selector',
      '-o': '--output',
      '-w': '--watch',
      '-p': '--previous',
    });
  });

  it('flags are lower-case words joined by hyphens', () => {
    const options = (verb: Verb): readonly OptionDefinition[] => [
      ...(verb.options ?? []),
      ...(verb.subverbs ?? []).flatMap(options),
    ];
    const odd = VERBS.flatMap(options)
      .map(({ flags }) => flags)
      .filter((flags) => !/^(?:-\w, )?--[a-z]+(?:-[a-z]+)*(?: .*)?$/.test(flags));
    expect(odd).toEqual([]);
  });
});

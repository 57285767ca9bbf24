/**
 * Owns: what every runtime must do, as one suite. A runtime joins by one line in a test file beside this one.
 * Never: knows how a runtime does it.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Launch, Runtime, RuntimeContext, Sighting } from '../../adapters/runtimes/runtime.ts';
import { createLocalTransport } from '../../adapters/transport/local/local-transport.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import type { FleetId, InstanceId } from '../../api/resources/names.ts';
import { until } from '../harness.ts';

export interface RuntimeUnderTest {
  readonly make: (context: RuntimeContext) => Runtime & AsyncDisposable;
  /** Puts something that is not ours in the way of this name. */
  readonly occupy: (context: RuntimeContext, name: string) => void;
  readonly isOccupied: (context: RuntimeContext, name: string) => boolean;
  /** What runs there for the fleet, asked of the place itself, where more than processes with our mark can stay. */
  readonly holds?: (context: RuntimeContext) => readonly string[];
  /** Removes what a test may leave behind outside its folder. */
  readonly destroy: (context: RuntimeContext) => void;
  /** Where launch files lie while they are needed. */
  readonly launches?: (context: RuntimeContext) => string;
  /** More options of a launch. `mounts`: what the tests of this suite share with their agents, where that must be said. */
  readonly options?: (mounts: readonly Mount[]) => Partial<Launch['options']>;
  /** Whatever an agent spawned ends with the place it lives in: there are never leftovers, so none are swept. */
  readonly contained?: boolean;
  /** The process that is told is not the agent itself but one that ends with it. */
  readonly wrapped?: boolean;
}

type Mount = NonNullable<Launch['options']['docker']>['mounts'][number];

/** The way to the machine the runtime works on, which is this one in every case. */
export interface Way extends AsyncDisposable {
  readonly transport: Transport;
}

const localWay = async (): Promise<Way> => {
  const transport = createLocalTransport(process.env);
  return { transport, [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose]() };
};

/** In every place, by every way. */
const AT_ONCE = 100;
/** So many of them die by themselves, one to four at a moment. */
const DEATHS = 30;
const HASH = 'abc123';
let fleets = 0;

export function describeRuntime(
  name: string,
  runtimeUnderTest: RuntimeUnderTest,
  by: () => Promise<Way> = localWay,
): void {
  const { make, occupy, isOccupied, destroy, options, contained = false, wrapped = false } = runtimeUnderTest;
  const { launches = ({ dirs }: RuntimeContext) => join(dirs.run, 'launch') } = runtimeUnderTest;
  const dir = mkdtempSync(join(tmpdir(), `sac-conf-${name.replaceAll(' ', '-')}-`));
  let way: Way;
  let transport: Transport;
  const used: RuntimeContext[] = [];
  const alive: AsyncDisposable[] = [];

  const fresh = () => {
    const fleet = (process.pid * 64 + fleets++).toString(16).padStart(8, '0').slice(-8) as FleetId;
    const context: RuntimeContext = {
      fleet,
      dirs: { run: join(dir, fleet, 'run'), logs: join(dir, fleet, 'logs') },
      now: Date.now,
      timeoutMs: 60_000,
    };
    used.push(context);
    return { context, ...open(context) };
  };
  const open = (context: RuntimeContext) => {
    const runtime = make(context);
    alive.push(runtime);
    return { runtime };
  };
  const idOf = (context: RuntimeContext, agent = 'web') => `${context.fleet}.${agent}` as InstanceId;
  const launch = (
    context: RuntimeContext,
    argv: readonly string[],
    more: Partial<Launch> & { agent?: string } = {},
  ): Launch => ({
    id: idOf(context, more.agent),
    incarnation: 1_000,
    launchHash: HASH,
    argv,
    env: {},
    envFiles: [],
    cwd: join(dir, context.fleet, 'work'),
    preStart: [],
    postStart: [],
    options: {
      tmux: { width: 120, height: 40, historyLimit: 2_000 },
      process: { logMaxBytes: 1_048_576, logFiles: 2 },
      ...options?.([
        { source: dir, target: dir, readOnly: false },
        { source: process.execPath, target: process.execPath, readOnly: true },
      ]),
    },
    ...more,
  });
  const see = async (runtime: Runtime, id: InstanceId): Promise<Sighting | undefined> =>
    (await runtime.list(transport)).find((sighting) => sighting.id === id);
  /** What is there once nothing waits in a queue any more: at once where there is no queue. */
  const settled = (runtime: Runtime): Promise<readonly Sighting[]> =>
    until(
      'nothing to be queued',
      async () => {
        const all = await runtime.list(transport);
        return all.every(({ state }) => state !== 'queued') ? all : undefined;
      },
      120_000,
    );
  const ended = (runtime: Runtime, id: InstanceId) =>
    until(`${id} to end`, async () => {
      const seen = await see(runtime, id);
      return seen?.state === 'exited' && seen.exit && (seen.exit.code !== undefined || seen.exit.signal !== undefined)
        ? seen
        : undefined;
    });
  const lines = async (runtime: Runtime, id: InstanceId, previous = false): Promise<string> => {
    const all: string[] = [];
    for await (const line of runtime.logs(transport, id, { previous })) all.push(line);
    return all.join('\n');
  };
  const pidsWith = (mark: string): number[] => processes().filter((pid) => environOf(pid).includes(mark));
  /** Every process of the fleet. */
  const pidsWithin = ({ fleet }: RuntimeContext): number[] =>
    processes().filter((pid) => environOf(pid).some((entry) => entry.startsWith(`SAC_ID=${fleet}.`)));
  const cleanUp = async () => {
    for (const runtime of alive.splice(0)) await runtime[Symbol.asyncDispose]();
    for (const context of used.splice(0)) {
      destroy(context);
      for (const pid of pidsWithin(context)) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // Gone meanwhile.
        }
      }
    }
  };

  describe(`${name} runtime`, () => {
    beforeAll(async () => {
      way = await by();
      transport = way.transport;
    });
    afterEach(cleanUp);
    afterAll(async () => {
      await way[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    });

    it('lists nothing where nothing was started, and starts nothing by looking', async () => {
      const { runtime } = fresh();
      expect((await runtime.probe(transport)).available).toBe(true);
      expect(await runtime.list(transport)).toEqual([]);
    });

    it('starts an agent once, however often it is told to', async () => {
      const { context, runtime } = fresh();
      await Promise.all([
        runtime.start(transport, launch(context, ['sleep', '1000'])),
        runtime.start(transport, launch(context, ['sleep', '1000'])),
      ]);
      await runtime.start(transport, launch(context, ['sleep', '1000'], { incarnation: 2_000 }));
      const seen = await settled(runtime);
      expect(seen).toHaveLength(1);
      expect(seen[0]).toMatchObject({ id: idOf(context), incarnation: 1_000, launchHash: HASH, state: 'running' });
      const agents = await until('the agent', () => {
        const found = pidsWith(`SAC_ID=${idOf(context)}`).filter((pid) =>
          readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep'),
        );
        return found.length > 0 ? found : undefined;
      });
      if (wrapped) expect(agents).toHaveLength(1);
      else expect(agents).toEqual([seen[0]?.pid]);
    });

    it('is found again by a controller that knows nothing', async () => {
      const { context, runtime } = fresh();
      await runtime.start(transport, launch(context, ['sleep', '1000']));
      const before = (await settled(runtime)).find(({ id }) => id === idOf(context));
      expect(before?.state).toBe('running');
      const { runtime: second } = open(context);
      expect(await see(second, idOf(context))).toEqual(before);
    });

    it('refuses to start another launch over a living one', async () => {
      const { context, runtime } = fresh();
      await runtime.start(transport, launch(context, ['sleep', '1000']));
      await expect(
        runtime.start(transport, launch(context, ['sleep', '999'], { launchHash: 'fff', incarnation: 2_000 })),
      ).rejects.toThrow(/another launch/);
      expect((await see(runtime, idOf(context)))?.incarnation).toBe(1_000);
    });

    it.each([
      ['an exit code', ['sh', '-c', 'exit 3'], { code: 3 }],
      ['success', ['true'], { code: 0 }],
      ['a program that is missing', ['/no/such/program'], { code: 127 }],
      ['a signal', ['sh', '-c', 'kill -9 $$'], { signal: 'SIGKILL' }],
    ])('keeps the corpse and tells %s', async (_what, argv, exit) => {
      const { context, runtime } = fresh();
      await runtime.start(transport, launch(context, argv));
      expect((await ended(runtime, idOf(context))).exit).toMatchObject(exit);
    });

    it('pushes a death', async () => {
      const { context, runtime } = fresh();
      const [first, second] = [idOf(context, 'web'), idOf(context, 'second')];
      for (const agent of ['web', 'second'])
        await runtime.start(transport, launch(context, ['sleep', '1000'], { agent }));
      const hints: (InstanceId | 'all')[] = [];
      using _ = runtime.watch?.(transport, (hint) => hints.push(hint));
      const die = async (id: InstanceId) => {
        const { pid } = await until(`the process of ${id}`, async () => {
          const seen = await see(runtime, id);
          return seen?.pid === undefined ? undefined : { pid: seen.pid };
        });
        process.kill(pid, 'SIGKILL');
      };
      // "all" too: a watch may take up its work only now.
      await die(first);
      await until('a hint', () => hints.includes(first) || hints.includes('all'));
      await die(second);
      await until('a hint of it by name', () => hints.includes(second));
      for (const id of [first, second]) expect((await ended(runtime, id)).exit).toMatchObject({ signal: 'SIGKILL' });
    });

    // The agent lingers a moment: tmux 3.3a loses the output of about one in thirty that exit as they print.
    it('replaces a corpse, and keeps what the run before printed', async () => {
      const { context, runtime } = fresh();
      await runtime.start(transport, launch(context, ['sh', '-c', 'echo first run; sleep 0.2; exit 1']));
      await ended(runtime, idOf(context));
      expect(await lines(runtime, idOf(context))).toContain('first run');
      await runtime.start(
        transport,
        launch(context, ['sh', '-c', 'echo second run; sleep 1000'], { incarnation: 2_000 }),
      );
      await until('output', async () => (await lines(runtime, idOf(context))).includes('second run'));
      expect(await see(runtime, idOf(context))).toMatchObject({ incarnation: 2_000, state: 'running' });
      expect(await lines(runtime, idOf(context), true)).toContain('first run');
    });

    it('does not start again what has ended: an order that comes late is no new start', async () => {
      const { context, runtime } = fresh();
      const ran = join(dir, `ran-${context.fleet}`);
      const once = launch(context, ['sh', '-c', `echo run >> ${ran}; exit 1`]);
      await runtime.start(transport, once);
      await ended(runtime, idOf(context));
      await runtime.start(transport, once);
      await runtime.start(transport, { ...once, incarnation: 999 });
      expect((await see(runtime, idOf(context)))?.incarnation).toBe(1_000);
      expect(readFileSync(ran, 'utf8')).toBe('run\n');
    });

    it('asks to leave, then forces, and spares a newer incarnation', async () => {
      const { context, runtime } = fresh();
      const stubborn = ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done'];
      await runtime.start(transport, launch(context, stubborn, { incarnation: 2_000 }));
      await until('the trap', async () => (await lines(runtime, idOf(context))).includes('ready'));
      await runtime.signal(transport, idOf(context), 1_000, 'kill');
      await runtime.signal(transport, idOf(context), 2_000, 'term');
      expect((await see(runtime, idOf(context)))?.state).toBe('running');
      await runtime.signal(transport, idOf(context), 2_000, 'kill');
      expect((await ended(runtime, idOf(context))).exit).toMatchObject({ signal: 'SIGKILL' });
    });

    it('lets a polite agent leave by itself', async () => {
      const { context, runtime } = fresh();
      await runtime.start(
        transport,
        launch(context, ['sh', '-c', 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done']),
      );
      await until('the trap', async () => (await lines(runtime, idOf(context))).includes('ready'));
      await runtime.signal(transport, idOf(context), 1_000, 'term');
      expect((await ended(runtime, idOf(context))).exit).toMatchObject({ code: 7 });
    });

    it('ends what the agent spawned, also with setsid, a double fork and a cleared environment', async () => {
      const { context, runtime } = fresh();
      const mark = `SAC_ID=${idOf(context)}`;
      await runtime.start(
        transport,
        launch(context, [
          'sh',
          '-c',
          'setsid sh -c "sleep 997 & sleep 998" & (setsid sleep 996 &) ; env -i setsid sleep 995 & echo ready; sleep 1000',
        ]),
      );
      await until(
        'the family',
        async () => (await lines(runtime, idOf(context))).includes('ready') && pidsWith(mark).length >= 4,
      );
      await runtime.signal(transport, idOf(context), 1_000, 'kill');
      await until(
        'all of it to be gone',
        () => pidsWith(mark).length === 0 && (runtimeUnderTest.holds?.(context) ?? []).length === 0,
      );
      await ended(runtime, idOf(context));
      await runtime.remove(transport, idOf(context), 1_000);
      expect(await runtime.list(transport)).toEqual([]);
    });

    it('removes a corpse whole, and nothing that lives', async () => {
      const { context, runtime } = fresh();
      await runtime.start(transport, launch(context, ['sleep', '1000']));
      await settled(runtime);
      await runtime.remove(transport, idOf(context), 1_000);
      expect((await see(runtime, idOf(context)))?.state).toBe('running');
      await runtime.signal(transport, idOf(context), 1_000, 'kill');
      await ended(runtime, idOf(context));
      await runtime.remove(transport, idOf(context), 999);
      expect(await runtime.list(transport)).toHaveLength(1);
      await runtime.remove(transport, idOf(context), 1_000);
      await runtime.remove(transport, idOf(context), 1_000);
      expect(await runtime.list(transport)).toEqual([]);
      expect(existsSync(join(launches(context), 'web.sh'))).toBe(false);
    });

    it('leaves foreign things alone', async () => {
      const { context, runtime } = fresh();
      occupy(context, 'web');
      expect(await runtime.list(transport)).toEqual([]);
      await expect(runtime.start(transport, launch(context, ['sleep', '1000']))).rejects.toThrow(/not sac's/);
      await runtime.signal(transport, idOf(context), 1_000, 'kill');
      await runtime.remove(transport, idOf(context), 1_000);
      expect(isOccupied(context, 'web')).toBe(true);
    });

    it('sweeps leftovers of what is known to be over, and nothing else', async () => {
      const { context, runtime } = fresh();
      await runtime.start(transport, launch(context, ['sleep', '1000'], { incarnation: 2_000 }));
      await settled(runtime);
      const leftover = spawn('sleep', ['1000'], {
        env: { PATH: process.env['PATH'], SAC_ID: idOf(context), SAC_INCARNATION: '1000' },
        stdio: 'ignore',
      });
      const stranger = spawn('sleep', ['1000'], {
        env: { PATH: process.env['PATH'], SAC_ID: `${context.fleet}.other`, SAC_INCARNATION: '1000' },
        stdio: 'ignore',
      });
      await until(
        'both',
        () =>
          leftover.pid !== undefined &&
          stranger.pid !== undefined &&
          pidsWith(`SAC_ID=${context.fleet}.other`).length === 1,
      );
      expect(await runtime.sweep(transport, new Map([[idOf(context), 1_000]]))).toBe(contained ? 0 : 1);
      if (contained) leftover.kill('SIGKILL');
      await until('the leftover to end', () => leftover.signalCode === 'SIGKILL');
      expect(stranger.exitCode ?? stranger.signalCode).toBe(null);
      expect((await see(runtime, idOf(context)))?.state).toBe('running');
      stranger.kill('SIGKILL');
    });

    it('passes environment and arguments byte for byte, and shows no secret', async () => {
      const { context, runtime } = fresh();
      const dump = join(dir, 'dump.json');
      const tool = join(dir, 'dump.mjs');
      writeFileSync(
        tool,
        `import { renameSync, writeFileSync } from 'node:fs'; writeFileSync(process.argv[2] + '.tmp', JSON.stringify({ argv: process.argv.slice(3), env: process.env, cwd: process.cwd() })); renameSync(process.argv[2] + '.tmp', process.argv[2]); setTimeout(() => {}, 1e8);`,
      );
      const nasty = [
        ...PAYLOADS,
        ...fc.sample(
          fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !text.includes('\0')),
          { numRuns: 150, seed: 7 },
        ),
      ];
      const secret = `canary-${context.fleet}`;
      const env = Object.fromEntries(nasty.map((value, i) => [`V${i}`, value]));
      const cwd = join(dir, "a 'quoted' $(dir) é");
      writeFileSync(join(dir, 'x.env'), `# comment\nexport FROM_FILE="a b"\nLITERAL=$(touch ${join(dir, 'canary')})\n`);
      await runtime.start(
        transport,
        launch(context, [process.execPath, tool, dump, ...nasty], {
          env: { ...env, TOKEN: secret },
          cwd,
          envFiles: [join(dir, 'x.env')],
        }),
      );
      await until('the dump', () => existsSync(dump));
      const seen = JSON.parse(readFileSync(dump, 'utf8'));
      expect(seen.argv).toEqual(nasty.map(toWellFormed));
      for (const [key, value] of Object.entries(env)) expect(seen.env[key]).toBe(toWellFormed(value));
      expect(seen.cwd).toBe(cwd);
      expect(seen.env.FROM_FILE).toBe('a b');
      expect(seen.env.LITERAL).toBe(`$(touch ${join(dir, 'canary')})`);
      expect(existsSync(join(dir, 'canary'))).toBe(false);
      const commandLines = processes().map((pid) => readOf(pid, 'cmdline'));
      expect(commandLines.some((line) => line.includes(secret))).toBe(false);
    });

    it('runs preStart before, and a failing one ends the start with its code', async () => {
      const { context, runtime } = fresh();
      const order = join(dir, 'order');
      await runtime.start(
        transport,
        launch(context, ['sh', '-c', `echo agent >> ${order}; sleep 1000`], {
          preStart: [`echo pre >> ${order}`],
          postStart: [`echo post > ${order}.post`],
        }),
      );
      await until(
        'all three',
        () => existsSync(order) && readFileSync(order, 'utf8') === 'pre\nagent\n' && existsSync(`${order}.post`),
      );
      await runtime.start(transport, launch(context, ['sleep', '1000'], { agent: 'bad', preStart: ['exit 9'] }));
      expect((await ended(runtime, idOf(context, 'bad'))).exit).toMatchObject({ code: 9 });
      expect(await lines(runtime, idOf(context, 'bad'))).toContain('preStart hook failed with code 9');
    });

    it('holds 100 at once, pushes every one of many deaths, also of those that come together, and leaves nothing', async () => {
      const { context, runtime } = fresh();
      const names = Array.from({ length: AT_ONCE }, (_, i) => `a${i}`);
      const ids = names.map((agent) => idOf(context, agent));
      await Promise.all(names.map((agent) => runtime.start(transport, launch(context, ['sleep', '1000'], { agent }))));
      const running = (await settled(runtime)).filter(({ state }) => state === 'running');
      expect(running.map(({ session }) => session).sort()).toEqual([...names].sort());

      const killed = new Set<InstanceId>();
      const told = new Set<InstanceId>();
      using _ = runtime.watch?.(transport, (hint) => {
        // "all", with which a watch takes up its work, tells of those alone that were dead by then.
        for (const id of hint === 'all' ? killed : [hint]) told.add(id);
      });
      const pids = await until('all to be told', async () => {
        const seen = new Map((await runtime.list(transport)).map(({ id, pid }) => [id, pid]));
        return ids.every((id) => seen.get(id)) ? seen : undefined;
      });
      for (let next = 0; next < DEATHS; ) {
        const together = ids.slice(next, Math.min(DEATHS, next + 1 + (next % 4)));
        for (const id of together) {
          killed.add(id);
          told.delete(id);
          process.kill(pids.get(id) ?? 0, 'SIGKILL');
        }
        await until(`hints of ${together}`, () => together.every((id) => told.has(id)));
        next += together.length;
      }

      await Promise.all(ids.map((id) => runtime.signal(transport, id, 1_000, 'kill')));
      await until(
        'all to end',
        async () => (await runtime.list(transport)).every(({ state }) => state === 'exited'),
        120_000,
      );
      await Promise.all(ids.map((id) => runtime.remove(transport, id, 1_000)));
      expect(await runtime.list(transport)).toEqual([]);
      expect(readdirSync(launches(context))).toEqual([]);
      expect(pidsWithin(context)).toEqual([]);
    });
  });
}

const processes = (): number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);

/** Empty: gone meanwhile. */
function readOf(pid: number, file: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

const environOf = (pid: number): readonly string[] => readOf(pid, 'environ').split('\0');

/** A lone surrogate cannot be written as UTF-8: it becomes U+FFFD on the way, as in any program. */
const toWellFormed = (text: string): string => Buffer.from(text, 'utf8').toString('utf8');

const PAYLOADS: readonly string[] = [
  '',
  ' ',
  "it's",
  '"',
  '`id`',
  '$(id)',
  '${HOME}',
  '$HOME',
  ';',
  '&',
  '|',
  '\n',
  'a\nb',
  '\t',
  '\\',
  "\\'",
  '-rf',
  '--',
  '#{pane_id}',
  '#[fg=red]',
  '#(id)',
  '%1',
  '=web:',
  '!',
  '!!',
  '*',
  '?',
  '~',
  '~root',
  '{a,b}',
  '<(id)',
  '>x',
  '%end 1 1 1',
  '\r',
  '\u001b]52;c;AAAA\u0007',
  'é',
  '日本語',
  '🙂',
  '\u202e',
  "'; id; '",
  '"; id; "',
  '$((1+1))',
  '\\n',
  'a\\',
  "''",
  '""',
  '\u0001',
  '\u007f',
];

/**
 * Owns: what every runtime whose terminals can be seen and typed into must do, as one suite.
 * Never: knows how a runtime does it.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Keystroke, Launch, Runtime, RuntimeContext } from '../../../adapters/runtimes/runtime.ts';
import { createLocalTransport } from '../../../adapters/transport/local/local-transport.ts';
import type { Transport } from '../../../adapters/transport/transport.ts';
import type { FleetId, InstanceId } from '../../../api/resources/names.ts';
import { until } from '../../harness.ts';
import type { RuntimeUnderTest } from './stage.ts';

const COLUMNS = 70;
const ROWS = 12;
/** Asks on a line that has not ended, says what it was told, asks again. */
const ASKER = `printf 'ready\\n'; while :; do printf 'Your answer? '; IFS= read -r answer || exit; printf 'got [%s]\\n' "$answer"; done`;

let fleets = 0;

export function describeTerminals(name: string, { make, destroy, options }: RuntimeUnderTest): void {
  describe(`terminals of ${name}`, () => {
    let dir: string;
    let transport: Transport;
    let runtime: Runtime & AsyncDisposable;
    let context: RuntimeContext;
    const idOf = (agent: string) => `${context.fleet}.${agent}` as InstanceId;

    beforeAll(() => {
      dir = mkdtempSync(join(tmpdir(), `sac-term-${name.replaceAll(' ', '-')}-`));
      mkdirSync(join(dir, 'work'));
      transport = createLocalTransport(process.env);
      const fleet = (process.pid * 64 + 32 + fleets++).toString(16).padStart(8, '0').slice(-8) as FleetId;
      const dirs = { run: join(dir, 'run'), logs: join(dir, 'logs') };
      context = { fleet, dirs, now: Date.now, timeoutMs: 60_000 };
      runtime = make(context);
    });
    afterAll(async () => {
      await runtime[Symbol.asyncDispose]();
      destroy(context);
      await transport[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    });

    const begin = async (agent: string, argv: readonly string[], incarnation = 1_000): Promise<InstanceId> => {
      const launch: Launch = {
        id: idOf(agent),
        incarnation,
        launchHash: 'abc',
        argv,
        env: {},
        envFiles: [],
        cwd: join(dir, 'work'),
        preStart: [],
        postStart: [],
        options: {
          tmux: { width: COLUMNS, height: ROWS, historyLimit: 100 },
          process: { logMaxBytes: 1_048_576, logFiles: 2 },
          ...options?.([{ source: dir, target: dir, readOnly: false }]),
        },
      };
      await runtime.start(transport, launch);
      return launch.id;
    };
    let drawn = 0;
    const screenOf = async (id: InstanceId) => (await runtime.screen?.(transport, [id]))?.get(id);
    const shows = (id: InstanceId, text: string | RegExp) =>
      until(
        `${id} shows ${text}`,
        async () => {
          const screen = await screenOf(id);
          if (!screen) throw new Error('no screen');
          if (!(typeof text === 'string' ? screen.text.includes(text) : text.test(screen.text)))
            throw new Error(JSON.stringify(screen));
          return screen;
        },
        30_000,
      );
    const type = (id: InstanceId, keys: readonly Keystroke[], incarnation = 1_000, submitted?: number) =>
      runtime.type?.(transport, id, incarnation, keys, submitted);

    it('show what an agent says, also a line that has not ended, and are the same thing while nothing is said', async () => {
      const id = await begin('quiet', ['sh', '-c', ASKER]);
      const screen = await shows(id, /^Your answer\?/m);
      expect(screen).toMatchObject({ width: COLUMNS, height: ROWS });
      expect(screen.text.split('\n')).toHaveLength(ROWS + 1);
      expect(screen.text).not.toContain('\u001b');
      // What it was made of may have been looked at before the last of it was written.
      await until('nothing to change', async () => {
        const before = await screenOf(id);
        return before !== undefined && before === (await screenOf(id));
      });
    });

    it('take text and keys, and show what became of them', async () => {
      const id = await begin('typed', ['sh', '-c', ASKER]);
      await shows(id, 'answer?');
      await type(id, [{ paste: "it's é $(id) \\n" }, { key: 'Enter' }]);
      await shows(id, "got [it's é $(id) \\n]");
      await type(id, [{ key: 'y' }]);
      await shows(id, /answer\? y$/m);
      await type(id, [{ key: 'Enter' }]);
      await shows(id, 'got [y]');
    });

    it('are nobody else’s: another incarnation is typed into by nothing', async () => {
      const id = await begin('other', ['sh', '-c', ASKER], 2_000);
      await shows(id, 'answer?');
      await type(id, [{ key: 'x' }, { key: 'Enter' }], 1_000);
      await type(idOf('absent'), [{ key: 'x' }]);
      await type(id, [{ key: 'z' }, { key: 'Enter' }], 2_000);
      await shows(id, 'got [z]');
      expect((await screenOf(id))?.text).not.toContain('got [x]');
    });

    it('keep how many texts were submitted, for the next controller too', async () => {
      const id = await begin('noted', ['sh', '-c', ASKER]);
      await shows(id, 'answer?');
      await type(id, [{ paste: 'first' }, { key: 'Enter' }], 1_000, 3);
      await shows(id, 'got [first]');
      await using next = make(context);
      expect((await next.list(transport)).find((sighting) => sighting.id === id)?.submitted).toBe(3);
    });

    it('tell a program that draws its screen by moving about, and who is in front', async () => {
      const draw = `printf '\\033[2J\\033[H\\033[1mMenu\\033[0m\\r\\n> one\\r\\n  two'; IFS= read -r x; printf '\\033[2;1H  one\\r\\n> two'; sleep 1000`;
      // Drawn anew when it is tried again.
      const id = await begin(`drawn-${++drawn}`, ['sh', '-c', draw]);
      await shows(id, /^Menu\n> one\n {2}two\n/);
      await type(id, [{ key: 'Enter' }]);
      await shows(id, /^Menu\n {2}one\n> two\n/);
      await until('sleep in front or its shell', async () =>
        ['sh', 'sleep', 'busybox'].includes((await screenOf(id))?.foreground ?? ''),
      );
    });

    it('are told all at once, without those that are gone', async () => {
      const names = ['m0', 'm1', 'm2', 'm3', 'm4'];
      const ids = await Promise.all(
        names.map((agent) => begin(agent, ['sh', '-c', `echo I am ${agent}; exec sleep 1000`])),
      );
      await Promise.all(names.map((agent) => shows(idOf(agent), `I am ${agent}`)));
      await runtime.signal(transport, idOf('m2'), 1_000, 'kill');
      await until('its end', async () => !(await runtime.screen?.(transport, ids))?.has(idOf('m2')));
      const screens = await runtime.screen?.(transport, ids);
      expect([...(screens?.keys() ?? [])].sort()).toEqual(ids.filter((id) => id !== idOf('m2')).sort());
    });

    it('keep their marks out of the logs', async () => {
      const id = await begin('logged', ['sh', '-c', ASKER]);
      await shows(id, 'answer?');
      await type(id, [{ paste: 'hi' }, { key: 'Enter' }]);
      await shows(id, 'got [hi]');
      const lines: string[] = [];
      for await (const line of runtime.logs(transport, id, {})) lines.push(line);
      expect(lines.join('\n')).toContain('Your answer? hi\ngot [hi]');
      expect(lines.join('\n')).not.toMatch(/sac:|\u001b/);
    });
  });
}

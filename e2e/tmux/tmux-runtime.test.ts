/** What is special about tmux; what it shares with the other runtimes is in e2e/conformance. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Screen } from '../../adapters/profiles/screen.ts';
import type { Launch, Runtime } from '../../adapters/runtimes/runtime.ts';
import { createTmuxRuntime } from '../../adapters/runtimes/tmux/tmux-runtime.ts';
import { createLocalTransport } from '../../adapters/transport/local/local-transport.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import { type FleetId, type InstanceId, instanceId } from '../../api/resources/names.ts';
import { until } from '../harness.ts';

let fleet: FleetId;
let dir: string;
let t: Transport;
let runtime: Runtime & AsyncDisposable;
let hints: (InstanceId | 'all')[];

beforeEach(() => {
  fleet = randomBytes(4).toString('hex') as FleetId;
  dir = mkdtempSync(join(tmpdir(), 'sac-tmux-'));
  t = createLocalTransport({ ...process.env, CANARY_TOKEN: 'canary' });
  runtime = make();
});
afterEach(async () => {
  await runtime[Symbol.asyncDispose]();
  await runtime.sweep(t, new Map(['web', 'web-1', 'db'].map((name) => [id(name), Number.MAX_SAFE_INTEGER])));
  tmux('kill-server');
  await t[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

function make(config = ''): Runtime & AsyncDisposable {
  const configFile = join(dir, 'tmux.conf');
  writeFileSync(configFile, config);
  const made = createTmuxRuntime(
    { fleet, dirs: { run: join(dir, 'run'), logs: join(dir, 'logs') }, now: Date.now, timeoutMs: 60_000 },
    { configFile },
  );
  hints = [];
  made.watch?.(t, (hint) => hints.push(hint));
  return made;
}
const id = (name = 'web') => instanceId(fleet, name);
const tmux = (...args: string[]): string => {
  try {
    return execFileSync('tmux', ['-L', `sac-${fleet}`, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 60_000,
    });
  } catch {
    return '';
  }
};
const launch = (argv: readonly string[], more: Partial<Launch> = {}): Launch => ({
  id: id(),
  incarnation: 1_000,
  launchHash: 'abc',
  argv,
  env: {},
  envFiles: [],
  cwd: dir,
  preStart: [],
  postStart: [],
  options: { tmux: { width: 100, height: 10, historyLimit: 500 }, process: { logMaxBytes: 4096, logFiles: 1 } },
  ...more,
});
const see = async (name = 'web') => (await runtime.list(t)).find((sighting) => sighting.id === id(name));
const start = (argv: readonly string[], more?: Partial<Launch>) => runtime.start(t, launch(argv, more));
const running = (name = 'web') => until(`${name} to run`, async () => (await see(name))?.pid);
const ended = (name = 'web') =>
  until(`${name} to end`, async () => ((await see(name))?.state === 'exited' ? see(name) : undefined));
const alive = (pid: number) => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

describe('the server', () => {
  it('is not started by looking, and not left when no agent is', async () => {
    await runtime.list(t);
    await runtime.list(t, [id()]);
    await runtime.screen?.(t, [id()]);
    await runtime.signal(t, id(), 1_000, 'kill');
    await runtime.remove(t, id(), 1_000);
    expect(tmux('list-sessions')).toBe('');
    await start(['true']);
    await ended();
    await runtime.remove(t, id(), 1_000);
    expect(tmux('list-sessions')).not.toBe('');
    await runtime[Symbol.asyncDispose]();
    await until('the server to end', () => tmux('list-sessions') === '');
  });

  it('outlives the runtime, with its agents', async () => {
    await start(['sleep', '1000']);
    const pid = await running();
    await runtime[Symbol.asyncDispose]();
    runtime = make();
    expect(await see()).toMatchObject({ state: 'running', pid });
  });

  it('holds no secret of the controller', async () => {
    await start(['sleep', '1000'], { env: { TOKEN: 'canary' } });
    expect(tmux('show-environment', '-g')).toContain('PATH=');
    for (const where of [['-g'], ['-t', '=web:']]) expect(tmux('show-environment', ...where)).not.toContain('canary');
    expect(tmux('list-panes', '-a', '-F', '#{pane_start_command}')).not.toContain('canary');
  });

  it('that cannot be used whole, as on a full disk, is let go of each time', async () => {
    await start(['sleep', '1000']);
    await running();
    const clients = () => tmux('list-clients', '-F', '#{client_pid}').trim().split('\n').length;
    await until('both connections', () => clients() === 2);
    const broken = createTmuxRuntime({
      fleet,
      dirs: { run: join(dir, 'tmux.conf', 'run'), logs: join(dir, 'logs') },
      now: Date.now,
      timeoutMs: 60_000,
    });
    for (let tries = 0; tries < 3; tries++) await expect(broken.list(t)).rejects.toThrow('ENOTDIR');
    await until('only the first two', () => clients() === 2);
    await broken[Symbol.asyncDispose]();
  });

  it('that is killed is told, and all agents are absent', async () => {
    await start(['sleep', '1000']);
    await start(['sleep', '1000'], { id: id('db') });
    await running();
    process.kill(Number(tmux('display-message', '-p', '#{pid}')), 'SIGKILL');
    await until('a hint', () => hints.includes('all'));
    await until('nothing to be there', async () => (await runtime.list(t)).length === 0);
    await start(['sleep', '1000'], { incarnation: 2_000 });
    await running();
  });

  it('whose socket was deleted is not taken for gone', async () => {
    await start(['sleep', '1000']);
    const pid = await running();
    await runtime[Symbol.asyncDispose]();
    rmSync(tmux('display-message', '-p', '#{socket_path}').trim());
    runtime = make();
    await expect(runtime.list(t)).rejects.toThrow(/socket was deleted/);
    await until('it to be found again', async () => (await see())?.pid === pid);
  });

  it('keeps agents also under a hostile configuration', async () => {
    await runtime[Symbol.asyncDispose]();
    runtime = make(
      'set -g destroy-unattached on\nset -g remain-on-exit off\nset -g base-index 5\nset -g pane-base-index 3\nset -g exit-empty off\nset -s exit-unattached on\nset-hook -g after-new-session "display-message -p hooked"\nset-hook -g pane-died "display-message -p died"\n',
    );
    await start(['sleep', '1000']);
    const pid = await running();
    process.kill(pid, 'SIGKILL');
    expect((await ended()).exit).toMatchObject({ signal: 'SIGKILL' });
    await until('a hint', () => hints.includes(id()));
  });

  it('keeps what ends also after its configuration was read again', async () => {
    await start(['sleep', '1000']);
    const pid = await running();
    tmux('set-option', '-g', 'remain-on-exit', 'off');
    await runtime.sweep(t, new Map());
    process.kill(pid, 'SIGKILL');
    expect((await ended()).exit).toMatchObject({ signal: 'SIGKILL' });
  });

  it('of an earlier version, whose tags were options, is taken over with all its agents', async () => {
    await start(['sleep', '1000']);
    const pid = await running();
    const tags = { '@sac_id': id(), '@sac_incarnation': '1000', '@sac_hash': 'abc', '@sac_submitted': '0' };
    for (const [name, value] of Object.entries(tags)) {
      tmux('set-environment', '-u', '-t', '=web:', name);
      tmux('set-option', '-t', '=web:', name, value);
    }
    tmux('set-environment', '-u', '-t', '=web:', '@sac_pane');
    expect(await see()).toBeUndefined();
    tmux('set-option', '-p', '-t', '=web:', '@sac_pane', '1');
    expect(await see()).toMatchObject({ incarnation: 1_000, pid });
    await runtime.type?.(t, id(), 1_000, [{ key: 'Enter' }], 3);
    expect(await see()).toMatchObject({ submitted: 3 });
    process.kill(pid, 'SIGKILL');
    await ended();
    await start(['sleep', '1000'], { incarnation: 2_000 });
    const successor = await until('its successor', see);
    expect(successor).toMatchObject({ incarnation: 2_000, state: 'running' });
    expect(successor).not.toHaveProperty('submitted');
  });
});

describe('the connection', () => {
  it('is made anew when it is lost, and that is told', async () => {
    await start(['sleep', '1000']);
    await running();
    const clients = await until('both connections', () => {
      const found = tmux('list-clients', '-F', '#{client_pid}').trim().split('\n').map(Number);
      return found.length === 2 ? found : undefined;
    });
    for (const client of clients) process.kill(client, 'SIGKILL');
    await until('the loss to be told', () => hints.includes('all'));
    expect((await see())?.state).toBe('running');
    hints.length = 0;
    process.kill(await running(), 'SIGKILL');
    await until('a death to be told over the new one', () => hints.includes(id()));
  });

  it('ends the control clients that nobody holds any more, and takes none of them for its own', async () => {
    await start(['sleep', '1000']);
    // Which client a question is answered for was a matter of milliseconds.
    for (let round = 0; round < 6; round++) {
      // Its input never ends, and who started it is gone.
      const held = ['-c', 'mkfifo "$2"; tmux -L "$1" -C attach-session -t =_sac <>"$2" >/dev/null 2>&1 & exit 0'];
      execFileSync('sh', [...held, 'sh', `sac-${fleet}`, join(dir, `input-${round}`)], { stdio: 'ignore' });
      const clients = () => tmux('list-clients', '-t', '=_sac', '-F', '#{client_pid}').split('\n').filter(Boolean);
      await until('it to be attached', () => clients().length === 3);
      await runtime[Symbol.asyncDispose]();
      runtime = make();
      await runtime.list(t);
      await runtime.sweep(t, new Map());
      await until('none but ours', () => clients().length === 2);
    }
  });
});

describe('a death', () => {
  it('is told by name, for each of many at once', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `a${i}`);
    await Promise.all(names.map((name) => start(['sleep', '1000'], { id: id(name) })));
    const pids = (await runtime.list(t)).map(({ pid }) => pid ?? 0);
    expect(pids.length).toBe(40);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await until('all to be told', () => names.every((name) => hints.includes(id(name))));
    for (const { state, exit } of await runtime.list(t))
      expect({ state, signal: exit?.signal }).toEqual({ state: 'exited', signal: 'SIGKILL' });
    expect(hints).not.toContain('all');
  });

  it('at once leaves a tagged corpse', async () => {
    await start(['false']);
    expect(await ended()).toMatchObject({ incarnation: 1_000, launchHash: 'abc', exit: { code: 1 } });
  });

  it('is not invented for an agent that closes its terminal', async () => {
    await start(['sh', '-c', 'trap "" HUP; exec sleep 1000 >/dev/null 2>&1 </dev/null']);
    const pid = await running();
    await until('the terminal to close', () => tmux('list-panes', '-t', '=web:', '-F', '#{pane_dead}').trim() === '1');
    expect(await see()).toMatchObject({ state: 'running', pid });
    expect(await runtime.list(t, [id(), id('db')])).toMatchObject([{ state: 'running' }]);
    await runtime.signal(t, id(), 1_000, 'kill');
    expect((await ended()).exit).toMatchObject({ signal: 'SIGKILL' });
  });

  it('that was already carried out and has ended is not started again', async () => {
    await start(['sh', '-c', 'echo x >> ran; exit 1'], { incarnation: 2_000 });
    await ended();
    await start(['sh', '-c', 'echo x >> ran'], { incarnation: 2_000 });
    await start(['sh', '-c', 'echo x >> ran'], { incarnation: 1_000 });
    expect(await see()).toMatchObject({ state: 'exited', incarnation: 2_000 });
    expect(readFileSync(join(dir, 'ran'), 'utf8')).toBe('x\n');
  });
});

describe('panes that a person opens beside the agent', () => {
  it('are not the agent, whichever is in front', async () => {
    await start(['sleep', '1000']);
    const pid = await running();
    tmux('split-window', '-t', '=web:', 'cat');
    tmux('new-window', '-t', '=web:', 'cat');
    expect(await runtime.list(t)).toMatchObject([{ id: id(), pid }]);
    process.kill(pid, 'SIGKILL');
    expect((await ended()).exit).toMatchObject({ signal: 'SIGKILL' });
    await start(['sleep', '999'], { incarnation: 2_000 });
    expect(await running()).not.toBe(pid);
    const commands = () =>
      tmux('list-panes', '-s', '-t', '=web:', '-F', '#{pane_current_command}').trim().split('\n').sort().join(' ');
    await until('the new one beside those that were opened', () => commands() === 'cat cat sleep');
  });

  it('go when their program ends, as do those of other sessions; a person who wants them kept keeps them', async () => {
    const panes = () =>
      tmux('list-panes', '-a', '-F', '#{session_name}:#{pane_dead}').trim().split('\n').sort().join(' ');
    await start(['sleep', '1000']);
    await running();
    tmux('split-window', '-t', '=web:', 'true');
    tmux('new-session', '-d', '-s', 'theirs', 'true');
    await until('the agent alone', () => panes() === '_sac:0 web:0');
    await runtime[Symbol.asyncDispose]();
    tmux('kill-server');
    runtime = make('set -g remain-on-exit on\n');
    await start(['sleep', '1000'], { incarnation: 2_000 });
    await running();
    tmux('split-window', '-t', '=web:', 'true');
    tmux('new-session', '-d', '-s', 'theirs', 'true');
    await until('all to be kept', () => panes() === '_sac:0 theirs:1 web:0 web:1');
  });

  it('do not keep the name when the agent was closed', async () => {
    await start(['sleep', '1000']);
    await running();
    tmux('split-window', '-t', '=web:', 'cat');
    tmux('kill-pane', '-t', '=web:.0');
    expect(await runtime.list(t)).toEqual([]);
    await start(['sleep', '1000'], { incarnation: 2_000 });
    expect(await see()).toMatchObject({ state: 'running', incarnation: 2_000 });
  });
});

describe('the log of the run before', () => {
  it('is kept when an order comes late', async () => {
    await start(['sh', '-c', 'echo first run; sleep 0.2; exit 1']);
    await ended();
    await start(['sh', '-c', 'sleep 0.2; exit 1'], { incarnation: 2_000 });
    await until('the second one to end', async () => {
      const seen = await see();
      return seen?.state === 'exited' && seen.incarnation === 2_000;
    });
    const kept = () => readFileSync(join(dir, 'logs', 'web', 'previous.log'), 'utf8');
    await until('the first run to be kept', () => kept().includes('first run'));
    await start(['sh', '-c', 'exit 1'], { incarnation: 2_000 });
    expect(kept()).toContain('first run');
  });
});

describe('names', () => {
  it('are exact: what is done to web does not touch web-1', async () => {
    await start(['sleep', '1000'], { id: id('web-1') });
    const pid = await running('web-1');
    await runtime.signal(t, id(), 1_000, 'kill');
    await runtime.remove(t, id(), 1_000);
    expect(await runtime.list(t, [id()])).toEqual([]);
    expect(alive(pid)).toBe(true);
    expect(runtime.attach?.(id()).slice(-2)).toEqual(['-t', '=web']);
  });
});

describe('what was shown', () => {
  it('is seen as screens, for many at once, and only of ours', async () => {
    await start(['sh', '-c', 'echo one; sleep 1000']);
    await start(['sh', '-c', 'printf "%%end 1 1 1\\n"; sleep 1000'], { id: id('db') });
    const screens = async () =>
      (await runtime.screen?.(t, [id(), id('db'), id('none')])) ?? new Map<InstanceId, Screen>();
    await until('both screens', async () => [...(await screens()).values()].every(({ text }) => text.trim() !== ''));
    expect([...(await screens())].map(([name, { text }]) => [name, text.trim()]).sort()).toEqual(
      [
        [id('db'), '%end 1 1 1'],
        [id(), 'one'],
      ].sort(),
    );
  });

  // The sleeps are the agents': tmux 3.3a loses the last output of one in thirty that end in the moment they print.
  it('is kept privately when the agent is replaced or removed', async () => {
    await start(['sh', '-c', 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do echo "line $i"; done; sleep 0.1; exit 4']);
    await ended();
    await start(['sh', '-c', 'echo second; sleep 0.1; exit 5'], { incarnation: 2_000 });
    const previous = async () => {
      const lines: string[] = [];
      for await (const line of runtime.logs(t, id(), { previous: true })) lines.push(line);
      return lines;
    };
    expect((await previous()).slice(0, 2)).toEqual(['line 1', 'line 2']);
    expect((await previous()).at(-1)).toMatch(/^Pane is dead \(status 4/);
    expect(statSync(join(dir, 'logs', 'web', 'previous.log')).mode & 0o777).toBe(0o600);
    await until(
      'the second to end',
      async () => (await see())?.incarnation === 2_000 && (await see())?.state === 'exited',
    );
    await runtime.remove(t, id(), 2_000);
    expect((await previous())[0]).toBe('second');
  });

  it('is the same object while nothing changes, and new when something was written or only the title changed', async () => {
    await start(['sh', '-c', 'echo one; until [ -f go ]; do sleep 0.02; done; printf "\\033]2;busy\\007"; sleep 1000']);
    const screen = async () => (await runtime.screen?.(t, [id()]))?.get(id());
    await until('the first line', async () => (await screen())?.text.trim() === 'one');
    const before = await screen();
    expect(await screen()).toBe(before);
    writeFileSync(join(dir, 'go'), '');
    await until('the title', async () => (await screen())?.title === 'busy');
    expect((await screen())?.text.trim()).toBe('one');
  });

  it('takes keys and pastes of any kind, for the incarnation that is meant alone', async () => {
    const script =
      'stty -echo; printf "\\033[?2004h"; echo ready; IFS= read -r line; printf "%s" "$line" > got; cat >> got';
    const incarnation = 1_000;
    await start(['sh', '-c', script]);
    const shown = async () => (await runtime.screen?.(t, [id()]))?.get(id())?.text ?? '';
    await until('the prompt', async () => (await shown()).includes('ready'));
    const text = `#{pid} $(id) 'quoted' "Ünï" ${'x'.repeat(3000)}`;
    await runtime.type?.(t, id(), incarnation - 1, [{ paste: 'for another' }, { key: 'Enter' }]);
    expect((await runtime.list(t))[0]?.submitted).toBeUndefined();
    await runtime.type?.(t, id(), incarnation, [{ paste: text }, { key: 'Enter' }], 1);
    await until(
      'what was typed',
      () => existsSync(join(dir, 'got')) && readFileSync(join(dir, 'got'), 'utf8').length >= text.length + 12,
    );
    expect(readFileSync(join(dir, 'got'), 'utf8').slice(0, text.length + 12)).toBe(`\x1b[200~${text}\x1b[201~`);
    expect((await runtime.list(t))[0]?.submitted).toBe(1);
  });

  it('is followed, across a restart, until it is enough', async () => {
    await start([
      'sh',
      '-c',
      'echo a; until [ -f go ]; do sleep 0.02; done; for i in $(seq 30); do echo "b$i"; done; exit 1',
    ]);
    await until('the first line', async () =>
      ((await runtime.screen?.(t, [id()]))?.get(id())?.text ?? '').includes('a'),
    );
    const abort = new AbortController();
    const lines: string[] = [];
    const following = (async () => {
      for await (const line of runtime.logs(t, id(), { follow: true, signal: abort.signal })) {
        lines.push(line);
        if (line === 'a') writeFileSync(join(dir, 'go'), '');
      }
    })();
    await until('the first run', () => lines.includes('b30'));
    await start(['sh', '-c', 'echo again; sleep 1000'], { incarnation: 2_000 });
    await until('the second run', () => lines.includes('again'));
    abort.abort();
    await following;
    expect(lines.filter((line) => /^(?:a|b\d+|again)$/.test(line))).toEqual([
      'a',
      ...Array.from({ length: 30 }, (_, i) => `b${i + 1}`),
      'again',
    ]);
  });
});

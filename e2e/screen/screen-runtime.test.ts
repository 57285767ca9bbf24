/** Owns: what the screen runtime does beyond the conformance suite: reading, typing, attaching. Never: uses sessions of others. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Launch, RuntimeContext } from '../../adapters/runtimes/runtime.ts';
import { createScreenRuntime } from '../../adapters/runtimes/screen/screen-runtime.ts';
import { createLocalTransport } from '../../adapters/transport/local/local-transport.ts';
import type { FleetId, InstanceId } from '../../api/resources/names.ts';
import { until } from '../harness.ts';

const ID = '5c4ee001.web' as InstanceId;
let dir: string;
let open: ReturnType<typeof setUp>;

function setUp() {
  const context: RuntimeContext = {
    fleet: '5c4ee001' as FleetId,
    dirs: { run: join(dir, 'run'), logs: join(dir, 'logs') },
    now: Date.now,
    timeoutMs: 60_000,
  };
  return { runtime: createScreenRuntime(context), transport: createLocalTransport(process.env) };
}

const launch = (script: string): Launch => ({
  id: ID,
  incarnation: 1_000,
  launchHash: 'abc',
  argv: ['sh', '-c', script],
  env: {},
  envFiles: [],
  cwd: dir,
  preStart: [],
  postStart: [],
  options: {
    tmux: { width: 100, height: 30, historyLimit: 500 },
    process: { logMaxBytes: 4096, logFiles: 1 },
  },
});
const shown = async () => (await open.runtime.screen?.(open.transport, [ID]))?.get(ID);
const showing = (text: string) =>
  until(`"${text}" on the screen`, async () => {
    const screen = await shown();
    return screen?.text.includes(text) ? screen : undefined;
  });
const type = (...keys: Parameters<NonNullable<typeof open.runtime.type>>[3]) =>
  open.runtime.type?.(open.transport, ID, 1_000, keys);

describe('the screen runtime', () => {
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sac-scr-'));
    open = setUp();
  });
  afterEach(async () => {
    await open.runtime.signal(open.transport, ID, 1_000, 'kill');
    await until('the end', async () =>
      (await open.runtime.list(open.transport)).every(({ state }) => state === 'exited'),
    );
    await open.runtime.remove(open.transport, ID, 1_000);
    await open.runtime[Symbol.asyncDispose]();
    await open.transport[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });

  it('shows a screen in UTF-8, of the size asked for, the same object while nothing changes', async () => {
    await open.runtime.start(open.transport, launch("stty size; echo '❯ é日本 ───'; exec sleep 1000"));
    const screen = await showing('❯ é日本 ───');
    expect(screen.text).toContain('30 100');
    expect(screen).toMatchObject({ width: 100, height: 30, foreground: 'sleep' });
    expect(await shown()).toBe(screen);
  });

  it('leaves no trace of screen in the environment of the agent', async () => {
    await open.runtime.start(
      open.transport,
      launch("env | grep -E '^(sac_|STY|SCREEN|SYSSCREEN|TERMCAP)'; echo end; exec sleep 1000"),
    );
    expect((await showing('end')).text.trim()).toBe('end');
  });

  it('types keys, text of one line, and text of several as one paste; not into another incarnation', async () => {
    await open.runtime.start(open.transport, launch('stty raw -echo; echo ready; exec cat -v'));
    await showing('ready');
    await type({ paste: 'one é $x \\x "q"' });
    expect((await showing('"q"')).text).toContain('one M-CM-) $x \\x "q"');
    await type({ key: 'Up' }, { key: 'Escape' }, { key: 'C-c' }, { key: '7' });
    await showing('^[[A^[^C7');
    await type({ paste: 'a\nb' });
    await showing('^[[200~a^Mb^[[201~');
    await open.runtime.type?.(open.transport, ID, 999, [{ paste: 'stray' }]);
    await type({ paste: `${'long '.repeat(2_000)}END` });
    expect((await showing('END')).text).not.toContain('stray');
  });

  it('notes a submitted text on the thing', async () => {
    await open.runtime.start(open.transport, launch('exec cat'));
    await until('it', async () => (await shown()) !== undefined);
    await open.runtime.type?.(open.transport, ID, 1_000, [{ paste: 'hello' }, { key: 'Enter' }], 1);
    await showing('hello\nhello');
    expect(await open.runtime.list(open.transport)).toMatchObject([{ id: ID, submitted: 1 }]);
  });

  it('has its display again when somebody took it, and never types by looking', async () => {
    await open.runtime.start(open.transport, launch('echo begun; exec cat -v'));
    const { text } = await showing('begun');
    const sty = readFileSync(join(dir, 'run/screen/web/sty'), 'utf8').trim();
    execFileSync('screen', ['-d', sty], {
      env: { ...process.env, SCREENDIR: join(dir, 'run/screen/.s') },
      stdio: 'ignore',
    });
    await until('a look that shows it', async () => (await shown())?.text === text);
  });

  it('can be attached to from a terminal', async () => {
    await open.runtime.start(open.transport, launch('echo begun; read -r line; echo "got $line"; exec sleep 1000'));
    await showing('begun');
    const [program = '', ...args] = open.transport.interactive(open.runtime.attach?.(ID) ?? []);
    const out = execFileSync(
      'timeout',
      [
        '20',
        'script',
        '-qec',
        [program, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' '),
        '/dev/null',
      ],
      { input: 'typed by hand\n\u0001d', encoding: 'utf8', env: { ...process.env, TERM: 'xterm', SHELL: '/bin/sh' } },
    );
    expect(out).toContain('begun');
    await showing('got typed by hand');
    expect((await open.runtime.list(open.transport))[0]?.state).toBe('running');
  });

  it('goes on telling what is new, and keeps what was shown', async () => {
    await open.runtime.start(
      open.transport,
      launch('for i in $(seq 1 80); do echo "line $i"; done; read -r x; echo "and $x"; exec sleep 1000'),
    );
    await showing('line 80');
    const abort = new AbortController();
    const lines: string[] = [];
    const reading = (async () => {
      for await (const line of open.runtime.logs(open.transport, ID, { follow: true, signal: abort.signal }))
        lines.push(line);
    })();
    await until('all that was printed', () => lines.includes('line 80'));
    await type({ paste: 'more' }, { key: 'Enter' });
    await until('what is new', () => lines.includes('and more'));
    abort.abort();
    await reading;
    expect(lines.filter((line) => line === 'line 1')).toHaveLength(1);
    expect(lines.filter((line) => line === 'line 80')).toHaveLength(1);
  });
});

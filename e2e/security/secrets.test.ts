/** Rows 7 and 9: a secret of an agent is found nowhere but in its own process and in files of 0600; another user reads nothing. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { execManifest, Fleet, type Ran, run, until } from '../harness.ts';
import { FAST, givenTo, STAY } from './payloads.ts';

/** In the manifest: stored in sac.db and in the launch file, and given to whoever may read the agent over the API. */
const IN_ENV = 'canary-7f3a-of-spec-env';
/** In a file of the user's own: sac hands on its name and never reads it. */
const IN_FILE = 'canary-91bc-of-an-env-file';
const FORMS = (secret: string) => [
  secret,
  Buffer.from(secret).toString('base64').slice(0, 20),
  Buffer.from(secret).toString('hex'),
];
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] as const;
const RUNTIMES = ['tmux', 'process'] as const;

let fleet: Fleet;
let port: number;
let pids: readonly number[];
beforeAll(async () => {
  fleet = new Fleet();
  // The fleet's folder can be entered by all, so that what keeps others out is sac's own doing.
  const opened = await run('chmod', ['755', fleet.dir], { env: fleet.env, cwd: '/' });
  expect(opened.code).toBe(0);
  const controller = await fleet.controller(['--listen', '127.0.0.1:0']);
  port = Number((await fleet.json(['controller', 'status'])).listen.split(':').at(-1));
  const envFile = fleet.write('user/secret.env', `FROM_FILE=${IN_FILE}\n`);
  for (const runtime of RUNTIMES)
    await fleet.ok(['apply', '-f', '-', '--wait'], {
      stdin: execManifest(`agent-${runtime}`, STAY, {
        ...FAST,
        env: { FROM_ENV: IN_ENV },
        envFiles: [envFile],
        place: { runtime },
        hooks: { preStart: ['true'], postStart: ['true'], preStop: ['true'] },
      }),
    });
  // Lives that end and begin: restarts, failing hooks, a change, so that all kinds of messages are made.
  await fleet.ok(['restart', 'agent-tmux', '--wait']);
  await fleet.sac(['apply', '-f', '-'], {
    stdin: execManifest('broken', ['false'], { env: { FROM_ENV: IN_ENV }, restart: { policy: 'never' } }),
  });
  await fleet.sac(['apply', '-f', '-'], {
    stdin: execManifest('unread', ['true'], { env: { FROM_ENV: IN_ENV }, envFiles: ['/nowhere'] }),
  });
  pids = await Promise.all(
    RUNTIMES.map(async (runtime) => (await fleet.json(['get', 'agent', `agent-${runtime}`])).status.instances[0].pid),
  );
  expect(controller.pid).toBeDefined();
});
afterAll(() => fleet[Symbol.asyncDispose]());

const as = (user: readonly string[], argv: readonly string[]): Promise<Ran> => {
  const [program = '', ...args] = [...user, ...argv];
  return run(program, args, { env: { ...fleet.env }, cwd: '/' });
};
/** Which of the secrets, in which form, a text holds. */
const leaks = (text: string, secrets: readonly string[] = [IN_ENV, IN_FILE]): readonly string[] =>
  secrets.flatMap(FORMS).filter((form) => text.includes(form));

it('the agents have them: what is looked for is there to be found', async () => {
  for (const pid of pids) {
    const { env } = await until('the agent runs', () => {
      const given = givenTo(pid);
      return given.argv.includes(STAY[2]) ? given : undefined;
    });
    expect([env.get('FROM_ENV'), env.get('FROM_FILE')]).toEqual([IN_ENV, IN_FILE]);
  }
});

describe('another user of the machine', () => {
  it('finds nothing in any process', async () => {
    const all = await as(NOBODY, [
      'sh',
      '-c',
      'cat /proc/[0-9]*/cmdline /proc/[0-9]*/comm /proc/[0-9]*/environ 2>/dev/null; ps auxewww; true',
    ]);
    expect(all.stdout).toContain('while :; do sleep 1000');
    expect(leaks(all.stdout)).toEqual([]);
  });

  it('reads no file, no socket, no folder of the fleet', async () => {
    const paths = readdirSync(fleet.home, { recursive: true, encoding: 'utf8' }).map((path) => join(fleet.home, path));
    expect(paths.filter((path) => /\/run\/launch\/agent-tmux\.\d+\.sh$/.test(path))).toHaveLength(1);
    for (const needed of ['sac.db', 'sac.sock', 'audit.log', 'fleet', 'run/process/agent-process/state'])
      expect(paths).toContain(join(fleet.home, needed));
    const told = await as(NOBODY, [
      'sh',
      '-c',
      'for path do head -c 1 "$path" 2>/dev/null && echo "read $path"; ls "$path" >/dev/null 2>&1 && echo "listed $path"; echo >> "$path" && echo "wrote $path"; done 2>/dev/null; true',
      'x',
      fleet.home,
      ...paths,
    ]);
    expect(told.stdout).toBe('');
  });

  it('is not let in by the socket, by the port, or by tmux', async () => {
    const socket = join(fleet.home, 'sac.sock');
    expect(
      (await as(NOBODY, ['curl', '-sS', '--max-time', '5', '--unix-socket', socket, 'http://x/version'])).code,
    ).not.toBe(0);
    const over = await as(NOBODY, ['curl', '-sS', '--max-time', '5', `http://127.0.0.1:${port}/apis/sac/v1/agents`]);
    expect(over.stdout).toContain('"code":401');
    const tmuxSocket = (await fleet.tmux(['display-message', '-p', '#{socket_path}'])).stdout.trim();
    expect(statSync(tmuxSocket).isSocket()).toBe(true);
    for (const argv of [['list-sessions'], ['show-environment', '-g'], ['capture-pane', '-p', '-t', 'agent-tmux']])
      expect((await as(NOBODY, ['tmux', '-S', tmuxSocket, ...argv])).code).not.toBe(0);
  });

  it('cannot prepare the home of somebody else', async () => {
    const trap = join(fleet.dir, 'trap');
    await run('install', ['-d', '-o', '65534', '-m', '0700', trap], { env: fleet.env, cwd: '/' });
    const { code, stderr } = await fleet.sac(['get', 'agents'], { env: { SAC_HOME: trap } });
    expect(code).not.toBe(0);
    expect(stderr).toContain('belongs to user 65534');
    expect(readdirSync(trap)).toEqual([]);
  });
});

describe('the owner, too, is not shown them where nobody looks for secrets', () => {
  it('not in argv, nor in what tmux keeps for new sessions', async () => {
    const lines = await as([], ['sh', '-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null; true']);
    expect(leaks(lines.stdout)).toEqual([]);
    const kept: string[] = [];
    for (const argv of [
      ['show-environment', '-g'],
      ['show-environment', '-t', '=agent-tmux:'],
      ['show-options', '-g'],
      ['show-options', '-s'],
      ['show-options', '-t', '=agent-tmux:'],
      ['list-panes', '-a', '-F', '#{pane_start_command} #{pane_current_command} #{pane_title}'],
      ['show-messages'],
      ['show-hooks', '-g'],
      ['list-buffers'],
    ]) {
      const { code, stdout } = await fleet.tmux(argv);
      if (argv[0] !== 'show-messages' && argv[0] !== 'list-buffers') expect([argv, code]).toEqual([argv, 0]);
      kept.push(stdout);
    }
    expect(leaks(kept.join('\n'))).toEqual([]);
    const server = Number((await fleet.tmux(['display-message', '-p', '#{pid}'])).stdout);
    expect(leaks(readFileSync(`/proc/${server}/environ`, 'utf8'))).toEqual([]);
  });

  it.each([
    [['describe', 'agent', 'agent-tmux', 'agent-process', 'broken', 'unread']],
    [['get', 'agents']],
    [['get', 'agents', '-o', 'wide', '--show-labels']],
    [['get', 'instances', '-o', 'yaml']],
    [['get', 'events', '-o', 'json']],
    [['events']],
    [['status']],
    [['logs', 'agent-tmux']],
    [['logs', 'unread']],
    [['inspect', 'agent-tmux']],
    [['controller', 'status', '-o', 'json']],
  ])('not by sac %j', async (args) => {
    const { stdout, stderr } = await fleet.sac(args);
    expect(leaks(stdout + stderr)).toEqual([]);
  });

  it('not by diff, which says that they change', async () => {
    const changed = execManifest('agent-tmux', STAY, {
      ...FAST,
      env: { FROM_ENV: `${IN_ENV}-new`, ADDED: IN_FILE },
      place: { runtime: 'tmux' },
    });
    const { code, stdout, stderr } = await fleet.sac(['diff', '-f', '-'], { stdin: changed });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^-.*FROM_ENV/m);
    expect(stdout).toMatch(/^\+.*FROM_ENV/m);
    expect(stdout).toMatch(/^\+.*ADDED/m);
    expect(leaks(stdout + stderr)).toEqual([]);
  });

  it('not by get, nor to who may only look; what it shows is not applied, and --raw is', async () => {
    const SECRET = 'canary-44de-of-a-secret-name';
    const stdin = execManifest('named', STAY, { ...FAST, env: { MY_TOKEN: SECRET, MODE: 'fast' } });
    await fleet.ok(['apply', '-f', '-'], { stdin });
    const shown = await fleet.ok(['get', 'agent', 'named', '-o', 'yaml']);
    expect(shown).toContain('MODE: fast');
    expect(leaks(shown, [SECRET])).toEqual([]);
    // As somebody would who makes a manifest of it.
    const manifestOf = (text: string) => {
      const { apiVersion, kind, metadata, spec } = parse(text);
      return stringify({ apiVersion, kind, metadata: { name: metadata.name }, spec });
    };
    for (const verb of ['apply', 'validate']) {
      const refused = await fleet.sac([verb, '-f', '-'], { stdin: manifestOf(shown) });
      expect([verb, refused.code]).toEqual([verb, 2]);
      expect(refused.stderr + refused.stdout).toMatch(/<stdin>:\d+:\d+.*spec\.env\.MY_TOKEN.*sac get --raw/);
    }
    const raw = await fleet.ok(['get', 'agent', 'named', '-o', 'yaml', '--raw']);
    expect(raw).toContain(SECRET);
    expect(await fleet.ok(['apply', '-f', '-'], { stdin: manifestOf(raw) })).toContain('unchanged');
    // Who edits is shown what is declared, so that nothing of it is lost.
    await fleet.ok(['edit', 'named'], { env: { EDITOR: 'sed -i s/fast/slow/' } });
    const edited = await fleet.json(['get', 'agent', 'named', '--raw']);
    expect(edited.spec.env).toEqual({ MY_TOKEN: SECRET, MODE: 'slow' });

    const tokenFile = fleet.write('viewer.token', await fleet.ok(['token', 'create', '--role', 'viewer']));
    const viewer = ['--server', `http://127.0.0.1:${port}`, '--token-file', tokenFile];
    for (const args of [
      ['get', 'agent', 'named', '-o', 'json'],
      ['get', 'agents', '-o', 'yaml'],
      ['status', 'named', '-o', 'json'],
    ]) {
      const { code, stdout } = await fleet.sac([...viewer, ...args]);
      expect([args, code, leaks(stdout, [SECRET])]).toEqual([args, 0, []]);
    }
    expect((await fleet.sac([...viewer, 'get', 'agent', 'named', '-o', 'yaml', '--raw'])).code).toBe(8);
    await fleet.ok(['delete', 'named']);
  });

  it('not in the message of a manifest that is wrong', async () => {
    for (const env of [
      { 'BAD NAME': IN_ENV },
      { LIST: [IN_ENV] },
      { MAP: { [IN_ENV]: IN_ENV } },
      { NUL: `${IN_ENV}\0` },
      { RANDOM: IN_ENV },
      IN_ENV,
      [IN_ENV],
    ]) {
      const stdin = JSON.stringify({
        apiVersion: 'sac/v1',
        kind: 'Agent',
        metadata: { name: 'wrong' },
        spec: { command: ['true'], env },
      });
      for (const verb of ['apply']) {
        const { code, stdout, stderr } = await fleet.sac([verb, '-f', '-'], { stdin });
        expect([env, code]).toEqual([env, 2]);
        expect([env, leaks(stdout + stderr)]).toEqual([env, []]);
      }
    }
  });

  it('not in metrics, logs or the audit log', async () => {
    const metrics = await as([], ['curl', '-sS', `http://127.0.0.1:${port}/metrics`]);
    expect(metrics.stdout).toContain('sac_');
    expect(leaks(metrics.stdout)).toEqual([]);
    const files = readdirSync(fleet.home, { recursive: true, encoding: 'utf8' }).filter((path) =>
      statSync(join(fleet.home, path), { throwIfNoEntry: false })?.isFile(),
    );
    const holding = files.filter((path) => leaks(readFileSync(join(fleet.home, path), 'latin1'), [IN_ENV]).length > 0);
    // What is promised: in the database and the launch files, which are 0600, and nowhere else.
    expect(holding.filter((path) => !/^sac\.db(?:-wal|-shm)?$|^run\/launch\/[a-z-]+\.\d+\.sh$/.test(path))).toEqual([]);
    expect(holding.filter((path) => /^run\/launch\/agent-tmux\.\d+\.sh$/.test(path))).toHaveLength(1);
    expect(holding.filter((path) => (statSync(join(fleet.home, path)).mode & 0o777) !== 0o600)).toEqual([]);
    // The content of env files never came to us at all.
    expect(files.filter((path) => leaks(readFileSync(join(fleet.home, path), 'latin1'), [IN_FILE]).length > 0)).toEqual(
      [],
    );
  });
});

/** What an operator looks at: `sac tree` and `sac top`, over agents of a directory, of `apply` and of a git repository. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Forge } from '../git/forge.ts';
import { CLI, execManifest, Fleet, run, until } from '../harness.ts';

let fleet: Fleet;
let forge: Forge;
const spec = { startup: { minReadySeconds: 0 }, place: { runtime: 'process' } };
let commit: string;
beforeAll(async () => {
  forge = new Forge();
  fleet = new Fleet({ SAC_GIT_ALLOW: 'file' });
  const repo = forge.repo();
  commit = repo.push({ 'sourced/spec.yaml': execManifest('sourced', ['sleep', '1000'], spec) });
  fleet.write('agents/filed/spec.yaml', execManifest('filed', ['sleep', '1000'], spec));
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await fleet.ok(['apply', '-f', '-'], {
    stdin: `${execManifest('hand', ['sleep', '1000'], { ...spec, replicas: 2 })}---\napiVersion: sac/v1\nkind: GitSource\nmetadata: {name: fleet}\nspec: {url: '${repo.url}', interval: 1h}\n`,
  });
  await fleet.ok(['wait', 'hand', 'filed', 'sourced', '--for=create', '--for=condition=Ready']);
  await fleet.ok(['sync', 'fleet', '--wait']);
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  await forge[Symbol.asyncDispose]();
});

it('a tree goes from source to agent to instance to place', async () => {
  const drawn = await fleet.ok(['tree']);
  const named = drawn.split('\n').map((line) => line.replace(/(?<=\S) {3,}.*$/, ''));
  expect(named).toEqual([
    'NAME',
    'source/fleet',
    '└─ agent/sourced',
    '   └─ instance/sourced',
    '      └─ local/process',
    `directory ${fleet.agentsDir}`,
    '└─ agent/filed',
    '   └─ instance/filed',
    '      └─ local/process',
    'apply cli',
    '└─ agent/hand',
    '   ├─ instance/hand',
    '   │  └─ local/process',
    '   └─ instance/hand-1',
    '      └─ local/process',
    '',
  ]);
  expect(drawn).toMatch(new RegExp(`^source/fleet +True +\\w+ ${commit.slice(0, 12)}`, 'm'));
  expect(drawn).toMatch(/agent\/hand +2\/2 +Running/);
  const { items } = await fleet.json(['tree', 'source/fleet']);
  expect(items).toMatchObject([
    {
      source: { kind: 'git', name: 'fleet', revision: commit },
      ready: true,
      agents: [
        { name: 'sourced', ready: true, instances: [{ place: { host: 'local', runtime: 'process', ready: true } }] },
      ],
    },
  ]);
  expect(items[0].agents[0].instances[0].place.pid).toBeGreaterThan(1);
});

it('top tells what whole families use, wherever they live', async () => {
  // Busy for a fifth of the time: three that never rest would leave nothing for the tests beside this one.
  const busy = 'n=30000; while [ $n -gt 0 ]; do n=$((n - 1)); done; sleep 0.1';
  // Away with setsid but marked; unmarked and away, known by their parent alone; unmarked orphans, known by their session alone
  // (whose leader is none of the agent's in screen).
  const unmarked = 'env -i tail --pid=$$ -f /dev/null';
  const strays = [1, 2, 3].map(() => `env -i setsid tail --pid=$$ -f /dev/null & (${unmarked} &)`).join('; ');
  const family = `setsid sleep 1000 & ${strays}; (while :; do ${busy}; done) & wait`;
  for (const runtime of ['tmux', 'process', 'screen'])
    await fleet.ok(['apply', '-f', '-', '--wait'], {
      stdin: execManifest(`busy-${runtime}`, ['sh', '-c', family], { ...spec, place: { runtime } }),
    });
  const rows = await until('all three families are whole', async () => {
    const { items } = await fleet.json(['top', 'busy-tmux', 'busy-process', 'busy-screen']);
    const whole = (row: { name: string; processes: number }) => row.processes >= (row.name === 'busy-screen' ? 6 : 9);
    return items.every(whole) && items;
  });
  for (const { cpu, memoryBytes, phase, places } of rows) {
    expect(cpu).toBeGreaterThan(0);
    expect(memoryBytes).toBeGreaterThan(500_000);
    expect(phase).toBe('Running');
    expect(places).toHaveLength(1);
  }
  const idle = (await fleet.json(['top', 'hand'])).items[0];
  expect(idle.cpu).toBeLessThan(rows[0].cpu);
  const [host] = (await fleet.json(['top', 'hosts'])).items;
  expect(host).toMatchObject({ name: 'local' });
  expect(host.agents).toBeGreaterThanOrEqual(7);
  const drawn = await fleet.ok(['top', '--sort-by', 'name', '-l', 'sac/agent=hand']);
  expect(drawn).toMatch(/^NAME .*\nhand +Running +\d+m +\d+Mi +\d+ +- +- +- +local\/process\n$/);
  // Nobody asks any more: no look at processes is left running, and none begins.
  await fleet.ok(['delete', 'agent', 'busy-tmux', 'busy-process', 'busy-screen', '--force']);
});

it('top is live in a terminal until it is interrupted', async () => {
  const socket = `sac-top-${process.pid}`;
  const tmux = (...args: readonly string[]) => run('tmux', ['-L', socket, ...args], { env: fleet.env, cwd: fleet.dir });
  try {
    await tmux(
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-x',
      '100',
      '-y',
      '10',
      'sh',
      '-c',
      `trap : INT; echo before; '${process.execPath}' '${CLI}' top --interval 500ms; echo "code $?"; exec sleep 100`,
    );
    const screen = async () => (await tmux('capture-pane', '-p')).stdout;
    const shown = await until('rates are shown', async () => {
      const text = await screen();
      return /^hand .* \d+m /m.test(text) && text;
    });
    expect(shown).toMatch(/^\d+ agents, 0 working; CPU [\d.]+ of \d+, memory/);
    expect(shown).not.toContain('before');
    await tmux('send-keys', 'C-c');
    expect(await until('the screen is back', async () => /code \d+/.test(await screen()) && screen())).toMatch(
      /^before\ncode 130/,
    );
  } finally {
    await tmux('kill-server');
  }
});

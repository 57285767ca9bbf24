import { expect, it, vi } from 'vitest';
import type { Runtime } from '../../adapters/runtimes/runtime.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import { hostSpecSchema } from '../../api/resources/kinds/host.ts';
import { type FleetId, type HostName, LOCAL_HOST } from '../../api/resources/names.ts';
import { noTransport } from '../../sim/world/fake-runtime.ts';
import { hostFacts, viewHost } from './host-facts.ts';
import { FIRST_CONTACT_MS, type Machine, Machines, type PlacesChange } from './machines.ts';

const never = () => Promise.reject(new Error('not asked for'));
const runtime = (kind: 'tmux' | 'docker', available: boolean): Runtime & AsyncDisposable => ({
  kind,
  capabilities: { screen: true, attach: true, push: true },
  probe: async () => ({ available, detail: available ? `${kind} 3` : `${kind} is not installed` }),
  list: never,
  start: never,
  signal: never,
  remove: never,
  sweep: never,
  // biome-ignore lint/correctness/useYield: nobody reads logs here
  logs: async function* () {
    await never();
  },
  [Symbol.asyncDispose]: async () => undefined,
});

/** Hosts by name, and who answers there; nobody answers where that is empty. Time goes on by hand. */
function machinesOf(users: Readonly<Record<string, string>>) {
  const waiting: { readonly at: number; readonly run: () => void }[] = [];
  let now = 0;
  const transport = (user: string): Transport => ({
    ...noTransport(LOCAL_HOST),
    run: async (argv) => {
      if (user === '') return new Promise(() => undefined);
      const stdout = argv[3] === 'sac-host' ? '/home/user\n' : argv[0] === 'sh' ? `boot\npid:[1]\n${user}\n` : '';
      return { code: 0, stdout, stderr: '' };
    },
    [Symbol.asyncDispose]: async () => undefined,
  });
  const changes: PlacesChange[] = [];
  const machines = new Machines({
    fleet: '00abcdef' as FleetId,
    local: { transport: transport('0'), runtimes: [], workspaces: '/w', userHome: '/root', lease: '/lease' },
    connect: ({ name }) => transport(users[name] ?? name),
    createRuntimes: () => [runtime('tmux', true), runtime('docker', false)],
    timers: {
      now: () => now,
      after(ms, run) {
        const timer = { at: now + ms, run };
        waiting.push(timer);
        return () => {
          if (waiting.includes(timer)) waiting.splice(waiting.indexOf(timer), 1);
        };
      },
    },
    timeoutMs: 1_000,
    living: () => [],
    onChange: (change) => changes.push(change),
    log: () => undefined,
  });
  const declare = (...names: readonly string[]) =>
    machines.declare(names.map((name) => ({ name, labels: {}, spec: hostSpecSchema.parse({ address: name }) })));
  const usable = (name: string) =>
    machines.get(name as HostName)?.reached?.places.map(({ place }) => place.runtime) ?? [];
  const added = () => changes.flatMap((change) => change.added.map(({ place }) => `${place.host}/${place.runtime}`));
  const pass = (ms: number) => {
    now += ms;
    for (const due of waiting.filter(({ at }) => at <= now)) {
      waiting.splice(waiting.indexOf(due), 1);
      due.run();
    }
  };
  const connecting = (name: string) => hostFacts(machines.list(), () => 0, now, 0).get(name as HostName)?.connecting;
  return { machines, declare, usable, added, pass, connecting, changes };
}

const ready = (machine: Machine | undefined) =>
  machine &&
  viewHost(machine, undefined, {
    fleet: '00abcdef' as FleetId,
    startedAt: 0,
    version: 1,
    views: [],
    counts: new Map(),
    now: 0,
    kept: () => undefined,
  }).status.conditions[0];

it('of two hosts that are one user the second has at once what the first had, when that is deleted', async () => {
  const { declare, usable, added, machines } = machinesOf({ first: '7', second: '7', other: '8' });
  await using _ = machines;
  await declare('first');
  await declare('first', 'second', 'other');
  expect([usable('first'), usable('second'), usable('other')]).toEqual([['tmux'], [], ['tmux']]);
  await declare('second', 'other');
  await vi.waitFor(() => expect(usable('second')).toEqual(['tmux']));
  expect(added()).toEqual(['first/tmux', 'other/tmux', 'second/tmux']);
});

it('a host where nothing can be used says why', async () => {
  const { declare, machines } = machinesOf({ first: '7', second: '7' });
  await using _ = machines;
  await declare('first');
  await declare('first', 'second');
  expect(ready(machines.get('second' as HostName))).toMatchObject({
    status: 'False',
    reason: 'NoRuntime',
    message:
      'No runtime can be used there: tmux: host first leads to the same user on the same machine: declare one of them, or another user; docker: docker is not installed.',
  });
});

it('a host is known to planning from its declaration on, and is being connected until it answered, or did not for long', async () => {
  const { declare, machines, pass, connecting, changes } = machinesOf({ silent: '', quick: '7' });
  await using _ = machines;
  void declare('silent', 'quick');
  expect([connecting('silent'), connecting('quick')]).toEqual([true, true]);
  expect(changes.length).toBeGreaterThan(0);
  await vi.waitFor(() => expect(connecting('quick')).toBeUndefined());
  const before = changes.length;
  pass(FIRST_CONTACT_MS - 1);
  expect(connecting('silent')).toBe(true);
  pass(1);
  expect(connecting('silent')).toBeUndefined();
  expect(changes.length).toBe(before + 1);
  expect(ready(machines.get('silent' as HostName))).toMatchObject({
    status: 'False',
    message: 'it has not answered yet',
  });
});

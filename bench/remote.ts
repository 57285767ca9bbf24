/**
 * Bench: 200 tmux agents over SSH on loopback, from `apply` to all running, against the same on this machine; and one
 * observation of them, against round trips and the same listing made on this machine. All in the same run. Needs root (sshd).
 */
import { execFileSync } from 'node:child_process';
import { createTmuxRuntime } from '../adapters/runtimes/tmux/tmux-runtime.ts';
import { createLocalTransport } from '../adapters/transport/local/local-transport.ts';
import type { Transport } from '../adapters/transport/transport.ts';
import type { Client } from '../api/client.ts';
import type { ApplyItem } from '../api/protocol.ts';
import type { FleetId, HostName } from '../api/resources/names.ts';
import { SshLab } from '../e2e/ssh/lab.ts';
import { BenchFleet, sleepers } from './fleet.ts';
import { median, pause, report, round } from './harness.ts';

const AGENTS = Number(process.argv[2] ?? 200);
const RUNS = Number(process.argv[3] ?? 3);
const LOOKS = 30;

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await work();
  return performance.now() - began;
};
const apply = (client: Client, items: readonly ApplyItem[]) =>
  client.apply({ items, source: { kind: 'apply', name: 'cli' } });
const start = async (fleet: BenchFleet, spec: Readonly<Record<string, unknown>>): Promise<number> => {
  const began = performance.now();
  const done = fleet.running(AGENTS);
  await apply(fleet.client, sleepers(AGENTS, spec));
  return (await done) - began;
};

/** One listing as the observer asks for it, over a transport; the runtime asks anew each time. */
async function look(transport: Transport, fleet: FleetId, home: string): Promise<number> {
  const runtime = createTmuxRuntime({
    fleet,
    dirs: { run: `${home}/run`, logs: `${home}/logs` },
    now: Date.now,
    timeoutMs: 30_000,
  });
  try {
    const listed = await runtime.list(transport);
    if (listed.length !== AGENTS) throw new Error(`${listed.length} were listed`);
    const times: number[] = [];
    for (let i = 0; i < LOOKS; i++) times.push(await timed(() => runtime.list(transport)));
    return median(times);
  } finally {
    await runtime[Symbol.asyncDispose]();
  }
}

const near: number[] = [];
const far: number[] = [];
let looks: { readonly far: number; readonly near: number; readonly roundTrip: number } | undefined;
for (let run = 0; run < RUNS; run++) {
  {
    await using fleet = new BenchFleet();
    await fleet.start();
    near.push(await start(fleet, {}));
  }
  await using lab = new SshLab();
  const sshd = await lab.sshd();
  const user = lab.user('dash');
  try {
    await using fleet = new BenchFleet();
    await fleet.start();
    await apply(fleet.client, [
      {
        origin: 'bench',
        manifest: {
          apiVersion: 'sac/v1',
          kind: 'Host',
          metadata: { name: 'far' },
          spec: {
            address: '127.0.0.1',
            port: sshd.port,
            user,
            identity: lab.identity,
            knownHosts: [lab.knownHosts],
            sshConfig: 'none',
            runtimes: ['tmux'],
          },
        },
      },
    ]);
    for (;;) {
      const { items } = await fleet.client.list('hosts');
      if (items.some(({ metadata, status }) => metadata.name === 'far' && status.ready)) break;
      await pause(50);
    }
    await pause(1_000);
    far.push(await start(fleet, { place: { host: 'far' } }));
    if (run === 0) {
      await fleet.kill();
      const id = fleet.fleetId as FleetId;
      const home = `${lab.homeOf(user)}/.sac/${id}`;
      const ssh = lab.transport(sshd, { host: 'far' as HostName, user });
      await ssh.run(['true']);
      const trips: number[] = [];
      for (let i = 0; i < LOOKS; i++) trips.push(await timed(() => ssh.run(['true'])));
      // The same server, asked by its user without SSH.
      await using local = createLocalTransport(process.env);
      const as: Transport = {
        ...local,
        host: local.host,
        run: (argv, options) => local.run(['setpriv', `--reuid=${user}`, '--clear-groups', ...argv], options),
        converse: (argv, onLine) => local.converse(['setpriv', `--reuid=${user}`, '--clear-groups', ...argv], onLine),
        putFiles: (files) => local.putFiles(files),
        interactive: (argv) => argv,
        [Symbol.asyncDispose]: async () => undefined,
      };
      looks = { far: await look(ssh, id, home), near: await look(as, id, home), roundTrip: median(trips) };
    }
  } finally {
    execFileSync('sh', [
      '-c',
      'pkill -KILL -u "$1" || true; while pgrep -u "$1" >/dev/null; do sleep 0.05; done',
      'sh',
      user,
    ]);
  }
}
report('remote-start', {
  agents: AGENTS,
  runs: RUNS,
  localMs: round(median(near)),
  sshMs: round(median(far)),
  ratio: round(median(far) / median(near), 2),
  target: 'ratio <= 2 at 200',
});
if (looks)
  report('remote-observation', {
    agents: AGENTS,
    looks: LOOKS,
    sshMs: round(looks.far),
    localMs: round(looks.near),
    roundTripMs: round(looks.roundTrip),
    roundTripsOverLocal: round((looks.far - looks.near) / looks.roundTrip, 2),
    target: 'roundTripsOverLocal <= 1.5',
  });

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AgentSpecInput,
  agentSpecSchema,
  RUNTIME_KINDS,
  type RuntimeKind,
} from '../../api/resources/agent/agent.ts';
import { type FleetId, type HostName, LOCAL_HOST } from '../../api/resources/names.ts';
import type { DesiredInstance, LaunchPlan, Place } from './desired-instance.ts';
import { canonicalJson, launchHash } from './launch-hash.ts';
import { type HostFacts, instanceSlots, LEASE_MS, LEASE_OVER_MS } from './placement.ts';
import { type PlanFacts, type PlannedAgent, planAgent, planDeparting } from './plan-instances.ts';

const FAR = 'far' as HostName;
const AWAY = 'away' as HostName;
const runtimes = (...kinds: RuntimeKind[]) => ({
  runtimes: new Map(
    RUNTIME_KINDS.map((kind) => [
      kind,
      { available: kinds.includes(kind), detail: kinds.includes(kind) ? '' : `${kind} is not installed` },
    ]),
  ),
});
const facts = (change: Partial<PlanFacts> = {}): PlanFacts => ({
  fleet: 'f1ee7000' as FleetId,
  workspaces: '/home/u/.sac/workspaces',
  userHome: '/home/u',
  hosts: new Map([
    [LOCAL_HOST, runtimes('tmux', 'process', 'docker', 'podman')],
    [FAR, runtimes('tmux')],
  ]),
  launch: (profile, spec) => ({ argv: spec.command ?? [profile], env: {}, readsActivity: false }),
  placedAt: () => undefined,
  ...change,
});
const agent = (spec: AgentSpecInput, change: Partial<PlannedAgent> = {}): PlannedAgent => ({
  name: 'web',
  generation: 1,
  spec: agentSpecSchema.parse({ command: ['run'], ...spec }),
  ...change,
});
const only = (instances: readonly DesiredInstance[]): DesiredInstance => {
  const [first] = instances;
  if (!first || instances.length !== 1) throw new Error(`expected one instance, got ${instances.length}`);
  return first;
};

describe('instances of an agent', () => {
  const names = (spec: AgentSpecInput) => planAgent(agent(spec), facts()).map(({ name }) => name);
  it.each<[AgentSpecInput, string[]]>([
    [{}, ['web']],
    [{ replicas: 3 }, ['web', 'web-1', 'web-2']],
    [{ replicas: 0 }, []],
    [{ place: { hosts: ['far', 'local'] } }, ['web-far', 'web-local']],
    [{ place: { hosts: 'all' } }, ['web-local', 'web-far']],
  ])('%o are %o', (spec, expected) => expect(names(spec)).toEqual(expected));

  it('are ids that depend on fleet and name alone, all different', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 50 }), fc.nat(9), (replicas, generation) => {
        const ids = planAgent(agent({ replicas }, { generation }), facts()).map(({ id }) => id);
        expect(new Set(ids).size).toBe(replicas);
        for (const id of ids) expect(id).toMatch(/^f1ee7000\.web(-\d+)?$/);
        expect(instanceSlots('web', agent({ replicas }).spec, facts().hosts)).toHaveLength(replicas);
      }),
    );
  });

  it('are not started, and go on where they live, when what the manifest asks for cannot be had', () => {
    const launch: PlanFacts['launch'] = () => ({
      argv: ['x'],
      env: {},
      readsActivity: false,
      refused: 'no such login',
    });
    const planned = only(planAgent(agent({}), facts({ launch })));
    expect(planned).toMatchObject({ unplaced: 'no such login.', hold: true, want: 'run' });
    expect(planned.place).toBeUndefined();
  });

  it('are wanted, at rest or gone as the agent is', () => {
    expect(only(planAgent(agent({}), facts())).want).toBe('run');
    expect(only(planAgent(agent({ suspend: true }), facts())).want).toBe('rest');
    expect(only(planAgent(agent({}, { deletedAt: 5 }), facts())).want).toBe('gone');
    expect(planDeparting(agent({}), 'web-7', facts()).want).toBe('gone');
  });

  it('one that has none is deleted through an instance too', () => {
    expect(only(planAgent(agent({ replicas: 0 }, { deletedAt: 5 }), facts()))).toMatchObject({
      name: 'web',
      want: 'gone',
    });
  });

  it('of an agent that is to be deleted at once get no grace', () => {
    expect(only(planAgent(agent({}, { deletedAt: 5, forceDelete: true }), facts())).graceMs).toBe(0);
  });
});

describe('where an instance goes', () => {
  const placed = (spec: AgentSpecInput, change: Partial<PlanFacts> = {}) => only(planAgent(agent(spec), facts(change)));
  const here = (runtime: RuntimeKind): Place => ({ host: LOCAL_HOST, runtime });
  const noTmux = { hosts: new Map([[LOCAL_HOST, runtimes('process')]]) };

  it('auto takes tmux where there is one', () => expect(placed({}).place).toEqual(here('tmux')));
  it('auto falls back to process and says what is missing', () => {
    const { place, placeNote } = placed({}, noTmux);
    expect(place).toEqual(here('process'));
    expect(placeNote).toContain('tmux is not installed');
  });
  it('auto stays where it was, also when something better appears', () => {
    const before = placed({}, noTmux);
    const after = placed({}, { placedAt: () => before.place });
    expect(after.place).toEqual(before.place);
    expect(after.launchHash).toBe(before.launchHash);
  });
  it('auto moves when where it was cannot be used any more', () =>
    expect(placed({}, { ...noTmux, placedAt: () => here('tmux') }).place).toEqual(here('process')));
  it('a runtime that was named is not replaced by another', () => {
    const { place, unplaced } = placed({ place: { runtime: 'tmux' } }, noTmux);
    expect(place).toBeUndefined();
    expect(unplaced).toContain('tmux is not installed');
  });
  it('takes the first host that can', () =>
    expect(placed({ place: { host: ['nowhere', 'far'] } }).place).toEqual({ host: FAR, runtime: 'tmux' }));
  it('goes back to a host that is preferred when it says so, and that takes it', () => {
    const back = (failback: 'never' | 'ready', far: Partial<HostFacts>) =>
      placed(
        { place: { host: ['far', 'local'], failback } },
        {
          placedAt: () => here('tmux'),
          hosts: new Map<HostName, HostFacts>([
            [LOCAL_HOST, runtimes('tmux')],
            [FAR, { ...runtimes('tmux'), ...far }],
          ]),
        },
      ).place?.host;
    expect(back('ready', {})).toBe(FAR);
    expect(back('never', {})).toBe(LOCAL_HOST);
    for (const no of [{ cordoned: true }, { lostForMs: 1 }, { unreached: 'no answer' }, { maxAgents: 0 }])
      expect(back('ready', no)).toBe(LOCAL_HOST);
  });
  describe('after the database was lost', () => {
    const lost = (forgotForMs: number, spec: AgentSpecInput['place'], before?: Place) =>
      only(
        planAgent(agent({ place: spec }), {
          ...facts({ placedAt: () => before }),
          forgotForMs,
          hosts: new Map<HostName, HostFacts>([
            [LOCAL_HOST, runtimes('tmux')],
            [FAR, runtimes('tmux')],
            [AWAY, { ...runtimes(), unreached: 'no answer' }],
          ]),
        }),
      );
    it('one that may live where nobody answers is started nowhere else', () => {
      const { place, unplaced, hold } = lost(3_600_000, { host: ['away', 'far'] });
      expect([place, hold]).toEqual([undefined, true]);
      expect(unplaced).toMatch(/may still live on away/);
      // A host that is not declared again yet may hold it as well.
      expect(lost(3_600_000, { host: ['gone', 'far'] }).unplaced).toMatch(/may still live on gone/);
    });
    it('one with a lease waits until that must have run out', () => {
      const spec = { host: ['away', 'far'], failoverAfter: '1s' };
      expect(lost(LEASE_OVER_MS, spec).unplaced).toMatch(/leases/);
      expect(lost(LEASE_OVER_MS + 1, spec).place).toEqual({ host: FAR, runtime: 'tmux' });
    });
    it('one that can be nowhere else, or is remembered, waits for nothing', () => {
      expect(lost(0, { host: 'far' }).place?.host).toBe(FAR);
      expect(lost(0, { host: ['far', 'local'] }).place?.host).toBe(FAR);
      expect(lost(0, { host: ['away', 'far'] }, { host: FAR, runtime: 'tmux' }).place?.host).toBe(FAR);
    });
  });
  it('a lease is given where the controller may lose sight of it, and is a reason for a new start', () => {
    const spec = { host: ['far', 'local'], failoverAfter: '5s' };
    const far = placed({ place: spec });
    expect(far.leaseMs).toBe(LEASE_MS);
    expect(far.launchHash).not.toBe(placed({ place: { host: ['far', 'local'] } }).launchHash);
    expect(placed({ place: { ...spec, host: ['local', 'far'] } }).leaseMs).toBeUndefined();
  });
  it('an unknown host is told by name, with those that are known', () =>
    expect(placed({ place: { host: 'nowhere' } }).unplaced).toMatch(
      /"nowhere" is not declared \(there are: local, far\)/,
    ));
});

describe('the launch hash', () => {
  const hash = (spec: AgentSpecInput, change: Partial<PlanFacts> = {}) =>
    only(planAgent(agent(spec), facts(change))).launchHash;
  const base = hash({});
  it.each<AgentSpecInput>([
    { command: ['run', '-v'] },
    { env: { A: '1' } },
    { envFiles: ['.env'] },
    { workspace: '/srv' },
    { place: { runtime: 'process' } },
    { place: { host: 'far' } },
    { place: { tmux: { width: 100 } } },
    { place: { runtime: 'docker', docker: { image: 'a' } } },
  ])('changes with %o', (spec) => expect(hash(spec)).not.toBe(base));
  it.each<AgentSpecInput>([
    { replicas: 2 },
    { restart: { policy: 'always' } },
    { update: { strategy: 'Immediate' } },
    { terminationGracePeriodSeconds: 1 },
    { startup: { minReadySeconds: 9 } },
    { hooks: { preStart: ['x'], postStart: ['y'], preStop: ['z'] } },
    { health: { interval: '1m' } },
    { place: { process: { logFiles: 9 } } },
    { place: { tmux: { historyLimit: 5 } } },
  ])('does not change with %o, which applies in place', (spec) =>
    expect(planAgent(agent(spec), facts())[0]?.launchHash).toBe(base),
  );

  it.each(['docker', 'podman'] as const)('covers what %s is told, but not how the image gets there', (runtime) => {
    const inside = (options: object) => hash({ place: { runtime, [runtime]: { image: 'a', ...options } } });
    const plain = inside({});
    for (const change of [
      { image: 'b' },
      { network: 'none' },
      { memory: '1g' },
      { user: '1000' },
      { mounts: [{ source: 'x' }] },
      { volumes: ['v:/v'] },
      { capDrop: [] },
      { readOnlyRootfs: true },
      { mountHostClaude: true },
    ])
      expect(inside(change)).not.toBe(plain);
    expect(inside({ pull: 'always' })).toBe(plain);
  });

  it('covers a part of the launch that nobody has thought of yet', () => {
    const { launch } = only(planAgent(agent({}), facts()));
    const later: LaunchPlan & { image: string } = { ...launch, image: 'debian' };
    expect(launchHash(later, undefined)).not.toBe(launchHash(launch, undefined));
  });

  it('does not depend on the order of keys, and tells different values apart', () => {
    const json = fc.jsonValue();
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
      }),
    );
    fc.assert(
      fc.property(json, json, (a, b) => {
        const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
        let same = true;
        try {
          expect(plain(a)).toEqual(plain(b));
        } catch {
          same = false;
        }
        expect(canonicalJson(a) === canonicalJson(b)).toBe(same);
      }),
    );
  });
});

describe('the working directory', () => {
  const cwd = (workspace?: string) =>
    only(planAgent(agent(workspace === undefined ? {} : { workspace }), facts())).launch.cwd;
  it.each([
    [undefined, '/home/u/.sac/workspaces/web'],
    ['/srv/x', '/srv/x'],
    ['~', '/home/u'],
    ['~/x', '/home/u/x'],
    ['x', '/home/u/x'],
  ])('of workspace %s is %s', (workspace, expected) => expect(cwd(workspace)).toBe(expected));
});

describe('what a container may see', () => {
  const planned = (docker: object, spec: AgentSpecInput = {}, allowedHostPaths: string[] = []) =>
    only(
      planAgent(
        agent({ workspace: '/srv/web', ...spec, place: { runtime: 'docker', docker: { image: 'a', ...docker } } }),
        facts({ allowedHostPaths }),
      ),
    );
  const sources = ({ launch }: DesiredInstance) => launch.options.docker?.mounts.map(({ source }) => source);
  it.each([
    ['/srv/web/data', '/srv/web/data'],
    ['data', '/srv/web/data'],
    ['./data//x', '/srv/web/data/x'],
    ['/srv/web', '/srv/web'],
  ])('%s is in the workspace', (source, path) => {
    const instance = planned({ mounts: [{ source }] });
    expect(instance.place?.runtime).toBe('docker');
    expect(sources(instance)).toEqual([path]);
  });
  it.each(['/etc', '/srv/webb', '/srv', '~/secrets', '/'])('%s is refused, with its place and what to do', (source) => {
    const instance = planned({ mounts: [{ source: 'ok' }, { source }] });
    expect(instance.place).toBeUndefined();
    expect(instance.unplaced).toMatch(/^spec\.place\.docker\.mounts\[1\]\.source: .* SAC_ALLOW_HOST_PATHS/);
  });
  it.each([
    ['/data', '/data/sets'],
    ['/home/u', '~/secrets'],
    ['/', '/etc'],
  ])('a policy of %s allows %s', (allowed, source) =>
    expect(planned({ mounts: [{ source }] }, {}, [allowed]).place?.runtime).toBe('docker'),
  );
  it.each(['/', '/etc', '/run/', '/var/run/docker.sock', '/srv/../etc'])('the workspace cannot be %s', (workspace) =>
    expect(planned({}, { workspace }).unplaced).toContain('spec.workspace'),
  );
});

describe('a container in a manifest', () => {
  const problems = (docker: object) => {
    const { error } = agentSpecSchema.safeParse({ command: ['x'], place: { runtime: 'docker', docker } });
    return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
  };
  it.each<[object, RegExp]>([
    [{ image: 'a', privileged: true }, /privileged/],
    [{ image: 'a', extraArgs: ['--privileged'] }, /extraArgs/],
    [{}, /^place\.docker\.image/],
    [{ image: '--privileged' }, /^place\.docker\.image/],
    [{ image: 'a', volumes: ['/etc:/etc'] }, /^place\.docker\.volumes\.0: .*mounts/],
    [{ image: 'a', mounts: [{ source: '/run/podman/podman.sock' }] }, /^place\.docker\.mounts\.0\.source: .*socket/],
    [{ image: 'a', mounts: [{ source: 'a/../../etc' }] }, /^place\.docker\.mounts\.0\.source: .*"\.\."/],
    [{ image: 'a', capAdd: ['SYS_ADMIN'] }, /^place\.docker\.capAdd\.0/],
    [{ image: 'a', network: 'container:other' }, /^place\.docker\.network/],
    [{ image: 'a', user: 'root' }, /^place\.docker\.user/],
    [{ image: 'a', memory: 'lots' }, /^place\.docker\.memory/],
  ])('%o is refused where it is', (docker, message) => {
    const found = problems(docker);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });
  it('is needed for that runtime', () =>
    expect(agentSpecSchema.safeParse({ command: ['x'], place: { runtime: 'podman' } }).error?.issues[0]).toMatchObject({
      path: ['place', 'podman'],
    }));
  it('drops all capabilities and forbids new ones unless told', () =>
    expect(
      agentSpecSchema.parse({ command: ['x'], place: { runtime: 'docker', docker: { image: 'a' } } }).place.docker,
    ).toMatchObject({ capDrop: ['all'], noNewPrivileges: true, network: 'bridge', pull: 'missing' }));
});

describe('what an apptainer instance may see of the host', () => {
  const planned = (apptainer: object, allowedHostPaths: string[] = []) => {
    const [instance] = planAgent(
      agent({ workspace: '/srv/web', place: { runtime: 'apptainer', apptainer: { image: 'a.sif', ...apptainer } } }),
      { ...facts(), allowedHostPaths, hosts: new Map([[LOCAL_HOST, runtimes('apptainer')]]) },
    );
    return instance;
  };
  it('is in the workspace, or fetched', () => {
    expect(planned({ overlay: 'o.img' })?.launch.options.apptainer).toMatchObject({
      image: '/srv/web/a.sif',
      overlay: '/srv/web/o.img',
    });
    expect(planned({ image: 'docker://debian:12' })?.launch.options.apptainer?.image).toBe('docker://debian:12');
  });
  it.each([
    ['image', { image: '/opt/images/a.sif' }],
    ['overlay', { overlay: '/opt/images/o.img' }],
    ['mounts[0].source', { mounts: [{ source: '/opt/images' }] }],
  ])('is nothing else: %s', (field, options) => {
    const refused = planned(options);
    expect(refused?.place).toBeUndefined();
    expect(refused?.unplaced).toContain(`spec.place.apptainer.${field}: /opt/images`);
    expect(planned(options, ['/opt/images'])?.place?.runtime).toBe('apptainer');
  });
  it('is part of the launch', () => expect(planned({ nv: true })?.launchHash).not.toBe(planned({})?.launchHash));
});

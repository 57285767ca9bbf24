/** Row 1: 200 payloads through every string field of the Agent kind; no canary appears, and every value arrives as it was written. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Client, createClient } from '../../api/client.ts';
import { readManifests } from '../../api/manifests/read.ts';
import { CALCULATED_VARIABLES } from '../../api/resources/agent/agent.ts';
import { allFieldPaths, createExplain } from '../../api/resources/schema.ts';
import { Fleet, until } from '../harness.ts';
import { Canaries, FAST, givenTo, payloads, STAY, withNul } from './payloads.ts';

const explain = createExplain();

type Json = ReturnType<typeof JSON.parse>;
/** What is refused is refused with exit code 2 and nothing done; what is taken comes back as it was written. */
interface Rule {
  readonly put: (value: string) => Json;
  /** any: its grammar lets some payloads through, by what they are and not by how many. */
  readonly takes: 'nothing' | 'some' | 'everything' | 'any';
}

const spec = (rest: Json): Json => ({ spec: { profile: 'exec', command: ['true'], suspend: true, ...rest } });
const hook = (point: string): Rule => ({ put: (value) => spec({ hooks: { [point]: [value] } }), takes: 'everything' });

const inContainer = (runtime: 'docker' | 'podman'): Readonly<Record<string, Rule>> =>
  Object.fromEntries(
    Object.entries<(value: string) => Json>({
      image: (image) => ({ image }),
      pull: (pull) => ({ pull }),
      volumes: (value) => ({ volumes: [value] }),
      user: (user) => ({ user }),
      memory: (memory) => ({ memory }),
      ulimits: (value) => ({ ulimits: [value] }),
      capDrop: (value) => ({ capDrop: [value] }),
      capAdd: (value) => ({ capAdd: [value] }),
      ociRuntime: (ociRuntime) => ({ ociRuntime }),
      network: (network) => ({ network }),
    }).map(([field, options]) => [
      `agent.spec.place.${runtime}.${field}`,
      { put: (value) => spec({ place: { runtime, [runtime]: { image: 'a', ...options(value) } } }), takes: 'nothing' },
    ]),
  );

const inApptainer: Readonly<Record<string, Rule>> = Object.fromEntries(
  Object.entries<readonly [Rule['takes'], (value: string) => Json]>({
    image: ['any', (image) => ({ image })],
    overlay: ['any', (overlay) => ({ overlay })],
    network: ['nothing', (network) => ({ network })],
    memory: ['nothing', (memory) => ({ memory })],
  }).map(([field, [takes, options]]) => [
    `agent.spec.place.apptainer.${field}`,
    { put: (value) => spec({ place: { runtime: 'apptainer', apptainer: { image: 'a', ...options(value) } } }), takes },
  ]),
);

/** A value at a path below spec: `startup.timeout`, `claude.flags[]`. */
const below = (path: string, takes: Rule['takes'], beside: Json = {}): Readonly<Record<string, Rule>> => {
  const put = (value: string): Json => {
    const [last = '', ...outer] = path.replace('[]', '').split('.').reverse();
    const inner: Json = { [last]: path.endsWith('[]') ? [value] : value };
    return spec({ ...beside, ...outer.reduce((nested: Json, key) => ({ [key]: nested }), inner) });
  };
  return { [`agent.spec.${path.replace('[]', '')}`]: { put, takes } };
};
const inSlurm = (path: string, takes: Rule['takes']): Readonly<Record<string, Rule>> =>
  below(`place.slurm.${path}`, takes);

/** A field of a list's items. */
const inList = (put: Rule['put'], takes: Rule['takes'] = 'nothing'): Rule => ({ put, takes });
const dialog = (given: Readonly<Record<string, unknown>>): Json =>
  spec({ startup: { customDialogs: [{ name: 'a', match: 'b', press: ['1'], ...given }] } });
const inMounts = (runtime: 'docker' | 'podman' | 'apptainer'): Readonly<Record<string, Rule>> => {
  const mount = (given: Readonly<Record<string, unknown>>): Json =>
    spec({ place: { runtime, [runtime]: { image: 'a', mounts: [{ source: '/a', target: '/b', ...given }] } } });
  return {
    [`agent.spec.place.${runtime}.mounts.source`]: inList((source) => mount({ source }), 'any'),
    [`agent.spec.place.${runtime}.mounts.target`]: inList((target) => mount({ target }), 'any'),
  };
};

/** Every field that takes text needs a line here: the first test fails for one that has none. */
const RULES: Readonly<Record<string, Rule>> = {
  'agent.apiVersion': { put: (value) => ({ ...spec({}), apiVersion: value }), takes: 'nothing' },
  'agent.kind': { put: (value) => ({ ...spec({}), kind: value }), takes: 'nothing' },
  'agent.metadata.name': { put: (value) => ({ ...spec({}), metadata: { name: value } }), takes: 'nothing' },
  'agent.metadata.labels': { put: (value) => ({ ...spec({}), metadata: { labels: { k: value } } }), takes: 'nothing' },
  'agent.metadata.annotations': {
    put: (value) => ({ ...spec({}), metadata: { annotations: { [value]: value } } }),
    takes: 'everything',
  },
  'agent.spec.profile': { put: (profile) => spec({ profile }), takes: 'nothing' },
  'agent.spec.command': { put: (value) => spec({ command: [value, value] }), takes: 'everything' },
  'agent.spec.model': { put: (model) => spec({ model }), takes: 'some' },
  'agent.spec.place.host': { put: (host) => spec({ place: { host } }), takes: 'nothing' },
  'agent.spec.place.hosts': { put: (host) => spec({ place: { hosts: [host] } }), takes: 'nothing' },
  'agent.spec.place.runtime': { put: (runtime) => spec({ place: { runtime } }), takes: 'nothing' },
  ...inContainer('docker'),
  ...inContainer('podman'),
  ...inApptainer,
  // Line breaks are refused: what is deployed there is told line by line.
  'agent.spec.workspace': { put: (workspace) => spec({ workspace }), takes: 'some' },
  'agent.spec.env': { put: (value) => spec({ env: { V: value } }), takes: 'everything' },
  'agent.spec.envFiles': { put: (value) => spec({ envFiles: [value] }), takes: 'everything' },
  'agent.spec.session': { put: (session) => spec({ session }), takes: 'nothing' },
  'agent.spec.session.mode': { put: (mode) => spec({ session: { mode } }), takes: 'nothing' },
  'agent.spec.session.id': { put: (id) => spec({ session: { mode: 'resume', id } }), takes: 'everything' },
  'agent.spec.health.method': { put: (method) => spec({ health: { method } }), takes: 'nothing' },
  'agent.spec.health.command': { put: (value) => spec({ health: { command: [value] } }), takes: 'any' },
  'agent.spec.health.interval': { put: (interval) => spec({ health: { interval } }), takes: 'nothing' },
  'agent.spec.health.timeout': { put: (timeout) => spec({ health: { timeout } }), takes: 'nothing' },
  'agent.spec.restart.policy': { put: (policy) => spec({ restart: { policy } }), takes: 'nothing' },
  'agent.spec.restart.backoff.initial': {
    put: (initial) => spec({ restart: { backoff: { initial } } }),
    takes: 'nothing',
  },
  'agent.spec.restart.backoff.max': { put: (max) => spec({ restart: { backoff: { max } } }), takes: 'nothing' },
  'agent.spec.update.strategy': { put: (strategy) => spec({ update: { strategy } }), takes: 'nothing' },
  'agent.spec.update.maxWait': { put: (maxWait) => spec({ update: { maxWait } }), takes: 'nothing' },
  ...below('place.hostSelector', 'any'),
  ...below('place.failoverAfter', 'nothing'),
  ...below('place.failback', 'nothing'),
  ...inSlurm('partition', 'any'),
  ...inSlurm('timeLimit', 'any'),
  ...inSlurm('mem', 'any'),
  ...inSlurm('gres', 'any'),
  ...inSlurm('account', 'any'),
  ...inSlurm('qos', 'any'),
  ...inSlurm('signal', 'any'),
  ...inSlurm('hold', 'any'),
  ...inSlurm('hooks.preSubmit', 'any'),
  ...inSlurm('hooks.preAgent', 'any'),
  ...inSlurm('hooks.walltimeSignal', 'any'),
  ...inSlurm('hooks.postAgent', 'any'),
  ...inSlurm('hooks.attach', 'any'),
  ...inSlurm('heartbeat.command', 'any'),
  ...inSlurm('heartbeat.interval', 'nothing'),
  ...inSlurm('heartbeat.logFile', 'any'),
  ...inSlurm('extraDirectives[]', 'any'),
  ...below('place.reservation', 'nothing'),
  ...below('workspace.path', 'any'),
  ...below('workspace.drift', 'nothing'),
  ...below('workspace.git.repo', 'any'),
  'agent.spec.workspace.git.ref': { put: (ref) => spec({ workspace: { git: { repo: '/r', ref } } }), takes: 'any' },
  ...below('skills.required[]', 'any'),
  ...below('skills.available[]', 'any'),
  ...below('skills.injectionMode', 'nothing'),
  ...below('venv', 'any'),
  ...below('cliVersion', 'nothing'),
  ...below('update.maxUnavailable', 'nothing'),
  ...below('update.waitFor', 'nothing'),
  ...below('update.progressDeadline', 'nothing'),
  ...below('update.minHealthyTime', 'nothing'),
  ...below('update.onFailure', 'nothing'),
  ...below('schedule.start', 'nothing'),
  ...below('schedule.stop', 'nothing'),
  ...below('schedule.cron', 'nothing'),
  ...below('schedule.timeZone', 'nothing'),
  ...below('schedule.concurrencyPolicy', 'nothing'),
  'agent.spec.dependsOn': { put: (name) => spec({ dependsOn: [name] }), takes: 'nothing' },
  ...below('claude.flags[]', 'everything'),
  ...below('claude.channels[]', 'everything'),
  ...below('claude.account', 'everything'),
  ...below('claude.provider.baseUrl', 'any', {}),
  ...below('claude.provider.authTokenEnv', 'any'),
  ...below('startup.dialogs', 'nothing'),
  ...below('startup.readyPatterns[]', 'any'),
  ...below('startup.pollInterval', 'nothing'),
  ...below('startup.timeout', 'nothing'),
  ...below('startup.onTimeout', 'nothing'),
  ...below('startup.commands[]', 'some'),
  ...below('startup.prompts[]', 'some'),
  'agent.spec.startup.commands.text': inList((text) => spec({ startup: { commands: [{ text }] } }), 'some'),
  'agent.spec.startup.commands.delay': inList((delay) => spec({ startup: { commands: [{ text: 'a', delay }] } })),
  'agent.spec.startup.prompts.text': inList((text) => spec({ startup: { prompts: [{ text }] } }), 'some'),
  'agent.spec.startup.prompts.delay': inList((delay) => spec({ startup: { prompts: [{ text: 'a', delay }] } })),
  'agent.spec.startup.customDialogs.name': inList((name) => dialog({ name })),
  'agent.spec.startup.customDialogs.match': inList((match) => dialog({ match }), 'any'),
  'agent.spec.startup.customDialogs.press': inList((key) => dialog({ press: [key] }), 'any'),
  ...inMounts('docker'),
  ...inMounts('podman'),
  ...inMounts('apptainer'),
  'agent.spec.hooks.preStart': hook('preStart'),
  'agent.spec.hooks.preStartTimeout': {
    put: (preStartTimeout) => spec({ hooks: { preStartTimeout } }),
    takes: 'nothing',
  },
  'agent.spec.hooks.postStart': hook('postStart'),
  'agent.spec.hooks.preStop': hook('preStop'),
  'agent.spec.hooks.postStop': hook('postStop'),
  'agent.spec.hooks.onCompact': hook('onCompact'),
  'agent.spec.hooks.onRestart': hook('onRestart'),
  'agent.spec.hooks.onDiff': hook('onDiff'),
};

const textFields = allFieldPaths().filter((path) =>
  /\btext\b|\bduration\b|\bvalues\b|\banything\b/.test(explain(path).type),
);

let fleet: Fleet;
let client: Client;
let canaries: Canaries;
beforeAll(async () => {
  fleet = new Fleet();
  canaries = new Canaries(fleet.dir);
  await fleet.controller();
  client = createClient({ socket: join(fleet.home, 'sac.sock') });
});
afterAll(() => fleet[Symbol.asyncDispose]());

const whole = (item: Json, name: string): Json => ({
  apiVersion: 'sac/v1',
  kind: 'Agent',
  ...item,
  metadata: { name, ...item.metadata },
});

/** Deletes everything: an apply without manifests would not. */
async function prune(): Promise<void> {
  const keeper = whole(spec({}), 'keeper');
  await client.apply({ items: [{ origin: 'k', manifest: keeper }], source: { kind: 'apply', name: 'cli' }, prune: {} });
  await until('they are deleted', async () => (await client.list('agents')).items.length === 1, 60_000);
}

it('has a rule for every field that takes text', () => {
  expect(textFields.filter((path) => RULES[path] === undefined)).toEqual([]);
  expect(Object.keys(RULES).filter((path) => !textFields.includes(path))).toEqual([]);
  expect(payloads('/c').length).toBeGreaterThanOrEqual(200);
});

describe('through the manifest, the API and the database', () => {
  it.each(Object.entries(RULES))('%s', async (path, { put, takes }) => {
    const field = Object.keys(RULES).indexOf(path);
    const items = payloads(canaries.file()).map(put);
    const nameOf = (i: number) => `f${field}-${i}`;
    const file = fleet.write(
      'tried.yaml',
      items.map((item, i) => `---\n${stringify(whole(item, nameOf(i)))}`).join(''),
    );
    const { code, stderr } = await fleet.here(['apply', '-f', file]);
    const found = new Map((await client.list('agents')).items.map((agent) => [agent.metadata.name, agent]));
    const kept = items.flatMap((item, i) => {
      const agent = found.get(nameOf(i));
      return agent ? [{ item, agent }] : [];
    });
    if (takes === 'nothing') expect([...found.keys()].filter((name) => name !== 'keeper')).toEqual([]);
    if (takes === 'everything') expect([stderr, kept.length]).toEqual(['', items.length]);
    if (takes === 'some') expect(kept.length).toBeGreaterThan(100);
    if (kept.length < items.length) {
      expect(code).toBe(2);
      expect(stderr).toMatch(/tried\.yaml:\d+:\d+/);
    }
    for (const { item, agent } of kept) {
      if (item.metadata) expect(agent.metadata).toMatchObject(item.metadata);
      expect(agent.spec).toMatchObject(item.spec);
    }
    await prune();
    expect(canaries.sung).toEqual([]);
  });

  it('refuses variables that a shell would calculate, and so run what is in them', () => {
    for (const name of CALCULATED_VARIABLES) {
      const manifest = whole(spec({ env: { [name]: `a[$(touch ${canaries.file()})]` } }), 'calc');
      const { documents, problems } = readManifests(JSON.stringify(manifest), 'calc.json');
      expect([name, documents]).toEqual([name, []]);
      expect(problems[0]?.text).toContain("is a variable of the shell's own");
    }
  });

  it('refuses NUL everywhere it would be cut off', async () => {
    for (const [path, { put }] of Object.entries(RULES)) {
      // Free notes: no process and no file is ever given them.
      if (path === 'agent.metadata.annotations') continue;
      for (const value of withNul(canaries.file())) {
        const manifest = whole(put(value), 'nul');
        expect([path, readManifests(JSON.stringify(manifest), 'nul.json').documents]).toEqual([path, []]);
        const { errors } = await client.apply({
          items: [{ origin: 'nul.json:1:1', manifest }],
          source: { kind: 'apply', name: 'cli' },
        });
        expect([path, errors.length]).toEqual([path, 1]);
      }
    }
    expect(canaries.sung).toEqual([]);
  });
});

/** `every`: of the payloads that need an agent each, so that the slower runtime starts fewer. */
describe.each([
  ['tmux', 1],
  ['process', 4],
])('as an agent of the %s runtime is given it', (runtime, every) => {
  const place = { runtime };
  const sampled = (_: string, i: number) => i % every === 0;
  const start = async (items: readonly Json[]) => {
    const { errors } = await client.apply({
      items: items.map((manifest) => ({ origin: 'test:1:1', manifest })),
      source: { kind: 'apply', name: 'cli' },
    });
    expect(errors).toEqual([]);
  };
  const pids = (names: readonly string[]) =>
    until(
      `${names[0]} and ${names.length - 1} more run`,
      async () => {
        const agents = await Promise.all(names.map((name) => client.get('agents', name)));
        // What is no real agent CLI shows no prompt, so it is never Ready.
        const found = agents.map(({ status: { ready, phase, instances } }) =>
          ready || phase === 'Onboarding' ? instances[0]?.pid : undefined,
        );
        return found.every((pid) => pid !== undefined) ? found : undefined;
      },
      60_000,
    );
  /** The launch script has become the agent. */
  const given = (pid: number, last: string) =>
    until('the program is there', () => {
      const found = givenTo(pid);
      return found.argv.at(-1) === last || found.argv.includes(STAY[2]) ? found : undefined;
    });

  it('arguments, variables, env files and their values', async () => {
    const values = payloads(canaries.file());
    const workspace = join(fleet.dir, `files-${runtime}`);
    const names = values.filter((name) => !name.startsWith('/') && !name.includes('..') && name.length < 200);
    names.forEach((name, i) => {
      mkdirSync(join(workspace, dirname(name)), { recursive: true });
      writeFileSync(join(workspace, name), `FILE${i}=${i}\n`);
    });
    const lines = values.filter((value) => !/[\n\r]/.test(value) && !/^(['"]).*\1$/.test(value));
    writeFileSync(join(workspace, 'values'), lines.map((value, i) => `LINE${i}=${value}\n`).join(''));
    const env = Object.fromEntries(values.map((value, i) => [`V${i}`, value]));
    const command = [...STAY, ...values];
    const envFiles = [...names, 'values'];
    await start([whole({ spec: { ...FAST, profile: 'exec', command, workspace, env, envFiles, place } }, 'words')]);
    const [pid] = await pids(['words']);
    const seen = await given(pid ?? 0, values.at(-1) ?? '');
    expect(seen.argv).toEqual(command);
    for (const [key, value] of Object.entries(env)) expect([key, seen.env.get(key)]).toEqual([key, value]);
    lines.forEach((value, i) => {
      expect(seen.env.get(`LINE${i}`)).toBe(value);
    });
    names.forEach((_, i) => {
      expect(seen.env.get(`FILE${i}`)).toBe(`${i}`);
    });
    expect(canaries.sung).toEqual([]);
  });

  it('workspace and model', async () => {
    const values = payloads(canaries.file())
      .filter((value) => value.length <= 200 && !value.includes('..') && !value.includes('\n'))
      .filter(sampled);
    const root = join(fleet.dir, `places-${runtime}`);
    const names = values.map((_, i) => `w-${i}`);
    await start(
      values.map((value, i) =>
        whole(
          { spec: { ...FAST, profile: 'aider', command: STAY, workspace: `${root}/${value}`, model: value, place } },
          names[i] ?? '',
        ),
      ),
    );
    const running = await pids(names);
    for (const [i, pid] of running.entries()) {
      const value = values[i] ?? '';
      const { argv, cwd } = await given(pid ?? 0, value);
      expect(argv).toEqual([...STAY, '--model', value]);
      expect(cwd).toBe(resolve(root, `${root}/${value}`));
    }
    expect(canaries.sung).toEqual([]);
    await prune();
  });

  it('hooks are the shell text that was written, with nothing of another language in them', async () => {
    const values = payloads(canaries.file());
    const log = (point: string) => join(fleet.dir, `hooks-${runtime}-${point}`);
    const hooks = Object.fromEntries(
      ['preStart', 'postStart', 'preStop'].map((point) => [
        point,
        values.map((value) => `printf '%s\\0' '${value.replaceAll("'", `'"'"'`)}' >> ${log(point)}`),
      ]),
    );
    await start([whole({ spec: { ...FAST, profile: 'exec', command: STAY, hooks, place } }, 'hooked')]);
    await pids(['hooked']);
    await client.remove('hooked');
    for (const point of Object.keys(hooks)) {
      const heard = await until(
        `all ${point} hooks ran`,
        () => {
          const words = readFileSync(log(point), 'utf8').split('\0').slice(0, -1);
          return words.length === values.length ? words : undefined;
        },
        60_000,
      );
      expect(heard).toEqual(values);
    }
    expect(canaries.sung).toEqual([]);
  });

  it('a program that does not exist is not looked for anywhere else', async () => {
    const values = payloads(canaries.file())
      .filter((value) => value !== '--')
      .filter(sampled);
    const names = values.map((_, i) => `p-${i}`);
    const restart = { policy: 'never' };
    await start(values.map((value, i) => whole({ spec: { restart, command: [value], place } }, names[i] ?? '')));
    const ended = await until(
      'all have failed',
      async () => {
        const agents = (await client.list('agents')).items.filter(({ metadata }) => names.includes(metadata.name));
        const others = agents.filter(({ status }) => status.phase !== 'Failed');
        if (others.length > 0) throw new Error(JSON.stringify(others));
        return agents;
      },
      60_000,
    );
    const codes = new Set(ended.map(({ status }) => status.instances[0]?.lastExit?.code));
    expect([...codes].filter((code) => code !== 126 && code !== 127)).toEqual([]);
    expect(canaries.sung).toEqual([]);
    await prune();
  });
});

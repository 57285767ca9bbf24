import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agentManifestSchema } from '../resources/agent/agent.ts';
import { CONVERTED_FROM, type Converted, convertBack, convertToV1 } from './convert.ts';
import { OLD_API_VERSIONS } from './generation.ts';
import { OLD_RUNTIMES, OLD_SESSIONS } from './old-schema.ts';

function converted(document: unknown, folder?: string): Converted {
  const conversion = convertToV1(document, folder);
  if (!conversion.ok) throw new Error(JSON.stringify(conversion.issues));
  return conversion;
}
const V3 = 'scitex-agent-container/v3';
const V2 = 'scitex-agent-container/v2';
const V1 = 'cld-agent/v1';
const old = (spec: unknown, apiVersion = V3, metadata: unknown = { name: 'a' }) => ({
  apiVersion,
  kind: 'Agent',
  metadata,
  spec,
});
const spec = (document: unknown) => converted(document, 'a').manifest['spec'];
const warnings = (document: unknown) =>
  converted(document, 'a').warnings.map(({ path, message }) => `${path.join('.')}: ${message}`);

/** Documents as the manuals of the old product show them. */
const EXAMPLES: readonly [string, object][] = [
  [
    'quickstart',
    {
      apiVersion: V2,
      kind: 'Agent',
      metadata: { name: 'my-agent', labels: { role: 'worker', machine: 'local' } },
      spec: {
        runtime: 'claude-code',
        model: 'sonnet',
        multiplexer: 'tmux',
        claude: { flags: ['--dangerously-skip-permissions'], session: 'continue-or-new' },
        skills: { required: ['scitex'] },
        health: { enabled: true, interval: 60, method: 'multiplexer-alive' },
        restart: { policy: 'on-failure', max_retries: 3 },
      },
    },
  ],
  ['remote', old({ remote: { host: 'mba', user: 'ywatanabe', timeout: 180 } }, V2)],
  [
    'slurm',
    old({
      runtime: 'slurm',
      slurm: {
        partition: 'cascade',
        cpus_per_task: 4,
        mem: '16G',
        time_limit: '7-00:00:00',
        auto_resubmit: true,
        hooks: { pre_agent: '~/path/to/module-load.sh' },
      },
    }),
  ],
  [
    'tenant',
    old({
      runtime: 'slurm-tenant',
      slurm: { reservation: 'dev-pool' },
      claude: { flags: ['--dangerously-skip-permissions'] },
    }),
  ],
  [
    'first',
    old(
      {
        runtime: 'claude-code',
        screen: { name: 'cld-a' },
        telegram: { allowed_users: [1, '2'] },
        watchdog: { enabled: true },
      },
      V1,
    ),
  ],
  [
    'apptainer',
    old(
      {
        runtime: 'apptainer',
        apptainer: { image: 'a.sif', env: { A: 'b' }, binds: ['/a:/b:ro', { src: '/c', dst: '/d', mode: 'rw' }] },
        to_home: './to_home',
        claude: { model: 'opus[1m]', session: 'continue', provider: { base_url: 'http://u', auth_token_env: 'T' } },
        startup_prompts: ['hello'],
        comms: { a2a: { listen: true } },
      },
      V3,
      { labels: { groups: ['x', 'y'] } },
    ),
  ],
  [
    'proxy',
    {
      apiVersion: V3,
      kind: 'AgentProxy',
      spec: { proxy: { upstream: 'http://u', trust: 'untrusted', redact: ['x'] } },
    },
  ],
];

describe('an older manifest', () => {
  it.each(EXAMPLES)('%s becomes a valid sac/v1 manifest and comes back as it was', (_, document) => {
    const { manifest } = converted(
      document,
      'name' in Object(Reflect.get(document, 'metadata')) ? undefined : 'folder',
    );
    expect(agentManifestSchema.safeParse(manifest).error).toBeUndefined();
    expect(convertBack(manifest)).toEqual({ document, lost: [] });
  });

  it('keeps its meaning where the defaults of sac are others', () => {
    expect(spec(old({}))).toEqual({ model: 'sonnet', health: { enabled: false }, restart: { policy: 'never' } });
    expect(spec(old({ restart: { policy: 'always' } }))).toMatchObject({
      restart: { policy: 'always', maxRetries: 3, backoff: { initial: 30 } },
    });
    expect(spec(old({}, V1))).toMatchObject({ workspace: '~/proj', session: 'new' });
  });

  it('maps what has a counterpart', () => {
    const document = old(
      {
        runtime: 'aider',
        multiplexer: 'tmux',
        model: 'm',
        workdir: '/w',
        env: { A: 'x', N: 1, T: true },
        'env-file': '.env',
        session: 'continue',
        host: ['a', 'b'],
        health: { enabled: 'yes', interval: 30, timeout: 5, method: 'screen-alive' },
        restart: { policy: 'on-failure', max_retries: 7, backoff: { initial: 1, max: 60, multiplier: 3 } },
        hooks: { pre_start: ['x'], on_diff: ['http://u'] },
      },
      V3,
      { labels: { groups: ['a', 'b'], n: 1 } },
    );
    const { manifest } = converted(document, 'web');
    expect(manifest['metadata']).toMatchObject({ name: 'web', labels: { groups: 'a.b', n: '1' } });
    expect(manifest['spec']).toEqual({
      profile: 'aider',
      model: 'm',
      place: { runtime: 'tmux', host: ['a', 'b'] },
      workspace: '/w',
      env: { A: 'x', N: '1', T: 'True' },
      envFiles: ['.env'],
      session: 'continue',
      health: { enabled: true, interval: 30, timeout: 5, method: 'alive' },
      restart: { policy: 'on-failure', maxRetries: 7, backoff: { initial: 1, max: 60, multiplier: 3 } },
      hooks: { preStart: ['x'], onDiff: ['http://u'] },
    });
    expect(convertBack(manifest)).toEqual({ document, lost: [] });
  });

  it('maps what brings an agent to its prompt, and what it works with', () => {
    const document = old({
      runtime: 'claude-code',
      claude: {
        flags: ['--dangerously-skip-permissions', '--add-dir /x'],
        channels: ['plugin:c'],
        provider: { base_url: 'http://127.0.0.1:1', auth_token_env: 'KEY' },
      },
      skills: { required: ['a'], available: ['b'], injection_mode: 'block' },
      mcp_servers: { m: { type: 'stdio', command: 'x', args: ['-y', '1'], env: { A: '1' } } },
      'python-venv': '~/.venv',
      startup: { ready_patterns: ['^>', { regex: 'ready' }], on_timeout: 'capture_and_fail' },
      startup_commands: [{ delay: 3, command: '/model opus' }, { command: '/clear' }],
      startup_prompts: ['go on'],
      multiplexer: 'screen',
      env_files: ['.env', '.more'],
    });
    const { manifest, warnings: told } = converted(document, 'a');
    expect(told).toEqual([]);
    expect(agentManifestSchema.safeParse(manifest).error).toBeUndefined();
    expect(manifest['spec']).toMatchObject({
      claude: {
        flags: ['--dangerously-skip-permissions', '--add-dir /x'],
        channels: ['plugin:c'],
        provider: { baseUrl: 'http://127.0.0.1:1', authTokenEnv: 'KEY' },
      },
      skills: { required: ['a'], available: ['b'], injectionMode: 'block' },
      mcpServers: { m: { type: 'stdio', command: 'x', args: ['-y', '1'], env: { A: '1' } } },
      venv: '~/.venv',
      place: { runtime: 'screen' },
      startup: {
        readyPatterns: ['^>', 'ready'],
        idleTicks: 3,
        timeout: 60,
        onTimeout: 'fail',
        commands: [{ text: '/model opus', delay: 3 }, { text: '/clear' }],
        prompts: ['go on'],
      },
    });
    expect(convertBack(manifest)).toEqual({ document, lost: [] });
    const edited = {
      ...manifest,
      spec: { ...Object(manifest['spec']), startup: { prompts: ['stop'], timeout: '2m' } },
    };
    expect(convertBack(edited).document).toMatchObject({
      spec: { startup: { ready_timeout_seconds: 120 }, startup_prompts: ['stop'], 'python-venv': '~/.venv' },
    });
    const both = old({ claude: { account: 'x', provider: { base_url: 'http://u', auth_token_env: 'K' } } });
    expect(agentManifestSchema.safeParse(converted(both).manifest).error?.issues[0]?.message).toContain('exclude');
  });

  it('maps a SLURM job, field by field', () => {
    const document = old({
      runtime: 'slurm',
      slurm: {
        partition: 'cascade',
        time_limit: '7-00:00:00',
        cpus_per_task: 4,
        mem: '16GB',
        nodes: 2,
        ntasks: 3,
        gres: 'gpu:1',
        signal: '',
        auto_resubmit: 'no',
        hold: 'sleep 9',
        hooks: { pre_submit: '~/submit.sh', pre_agent: '/agent.sh', post_agent: '/post.sh' },
        heartbeat: { command: 'beat', interval_s: 0, log_file: '~/beat.log' },
        extra_directives: ['#SBATCH --constraint=a100', '--output=x'],
      },
    });
    const { manifest } = converted(document, 'a');
    expect(agentManifestSchema.safeParse(manifest).error).toBeUndefined();
    expect(manifest['spec']).toMatchObject({ profile: 'claude-code' });
    expect(Reflect.get(Object(manifest['spec']), 'suspend')).toBeUndefined();
    expect(Reflect.get(Object(manifest['spec']), 'place')).toEqual({
      runtime: 'slurm',
      slurm: {
        partition: 'cascade',
        timeLimit: '7-00:00:00',
        cpusPerTask: 4,
        mem: '16G',
        nodes: 2,
        ntasks: 3,
        gres: 'gpu:1',
        signal: 'none',
        resubmit: false,
        hooks: { preSubmit: '~/submit.sh', preAgent: '/agent.sh', postAgent: '/post.sh' },
        heartbeat: { command: 'beat', interval: 1, logFile: '~/beat.log' },
        extraDirectives: ['--constraint=a100'],
      },
    });
    expect(warnings(document).map((note) => note.split(': ')[0])).toEqual([
      'spec.slurm.extra_directives',
      'spec.slurm.hooks.pre_submit',
      'spec.slurm.hooks.post_agent',
      'spec.slurm.hold',
    ]);
    expect(convertBack(manifest)).toEqual({ document, lost: [] });
    const place = { runtime: 'slurm', slurm: { mem: '8G', resubmit: true } };
    const edited = { ...manifest, spec: { ...Object(manifest['spec']), place } };
    expect(Reflect.get(Object(convertBack(edited).document['spec']), 'slurm')).toEqual({
      mem: '8G',
      auto_resubmit: true,
      hold: 'sleep 9',
    });
  });

  it('maps a tenant to its Reservation, and says that this is to be declared', () => {
    const document = old({ runtime: 'slurm-tenant', slurm: { reservation: 'dev-pool' } });
    expect(spec(document)).toMatchObject({ place: { runtime: 'slurm-tenant', reservation: 'dev-pool' } });
    expect(Reflect.get(Object(spec(document)), 'suspend')).toBeUndefined();
    expect(warnings(document)).toEqual(['spec.slurm.reservation: declare a Reservation dev-pool; until then it waits']);
  });

  it('maps a container: image, network as it was, volumes, paths of the host', () => {
    const container = {
      runtime: 'podman',
      image: 'mine:1',
      volumes: ['~/data:/data', '/srv:/srv:ro', 'cache:/c'],
      network: 'none',
      mount_host_claude: true,
    };
    const document = old({ runtime: 'claude-code', container }, V2);
    const { manifest } = converted(document, 'a');
    expect(agentManifestSchema.safeParse(manifest).error).toBeUndefined();
    const made = Object(manifest['spec']);
    expect(made.suspend).toBeUndefined();
    expect(made.place).toEqual({
      runtime: 'podman',
      podman: {
        image: 'mine:1',
        mounts: [
          { source: '~/data', target: '/data', readOnly: false },
          { source: '/srv', target: '/srv', readOnly: true },
        ],
        volumes: ['cache:/c'],
        network: 'none',
        mountHostClaude: true,
      },
    });
    expect(convertBack(manifest)).toEqual({ document, lost: [] });
    const place = { runtime: 'podman', podman: { ...made.place.podman, image: 'mine:2' } };
    const edited = convertBack({ ...manifest, spec: { ...made, place } }).document;
    expect(edited).toMatchObject({ spec: { runtime: 'claude-code', container: { ...container, image: 'mine:2' } } });
    // The old default was the machine's own network, and an image of that product.
    expect(Object(spec(old({ container: { runtime: 'docker' } }))).place.docker).toEqual({
      image: 'scitex-agent-container:latest',
      network: 'host',
    });
    expect(spec(old({ runtime: 'docker', image: 'sdk:3' }))).toMatchObject({
      place: { runtime: 'docker', docker: { image: 'sdk:3' } },
    });
  });

  it('maps an apptainer block, and leaves it at rest for want of a terminal', () => {
    const document = old({
      runtime: 'tui',
      apptainer: { image: '/a.sif', overlay: '/o.img', binds: ['/a:/b:ro', { src: '/c', dst: '/d' }], nv: true },
    });
    expect(spec(document)).toMatchObject({
      suspend: true,
      place: {
        runtime: 'apptainer',
        apptainer: {
          image: '/a.sif',
          overlay: '/o.img',
          nv: true,
          mounts: [
            { source: '/a', target: '/b', readOnly: true },
            { source: '/c', target: '/d', readOnly: false },
          ],
        },
      },
    });
  });

  it.each([
    [V1, undefined, {}, 'new'],
    [V2, 'continue', {}, 'continue'],
    [V2, undefined, {}, undefined],
    [V3, 'continue', {}, 'continue'],
    [V3, 'continue', { runtime: 'apptainer' }, 'continue-or-new'],
    [V3, 'new-session', { runtime: 'apptainer' }, 'new'],
    [V3, undefined, { runtime: 'tui' }, 'new'],
    [V3, undefined, { runtime: 'apptainer' }, undefined],
  ])('reads the session of %s %s by its generation', (apiVersion, session, more, expected) => {
    const claude = session === undefined ? {} : { claude: { session } };
    const made = converted(old({ ...more, ...claude }, apiVersion)).manifest['spec'];
    expect(Reflect.get(Object(made), 'session')).toEqual(expected);
  });

  it('reads resume with its conversation and its age', () => {
    expect(spec(old({ claude: { session: 'resume', resume_id: 'x', continue_max_age_minutes: 5 } }))).toMatchObject({
      session: { mode: 'resume', id: 'x', continueMaxAgeMinutes: 5 },
    });
    expect(warnings(old({ session: 'resume' }))).toEqual([
      'spec.claude.session: resume without resume_id continued the newest conversation, and so does sac',
    ]);
  });

  it.each([
    [{ runtime: 'docker' }],
    [{ runtime: 'apptainer' }],
    [{ runtime: 'tui' }],
    [{ runtime: 'slurm-tenant' }],
    [{ runtime: 'slurm', slurm: { hooks: { pre_agent: 'here.sh' } } }],
    [{ container: { runtime: 'docker', image: '-x' } }],
    [{ container: { runtime: 'docker', volumes: ['/var/run/docker.sock:/s'] } }],
    [{ container: { runtime: 'apptainer', image: 'x.sif' } }],
    [{ apptainer: { image: '/x.sif' } }],
    [{ remote: 'user@10.0.0.1' }],
    [{ host: 'not_a_name' }],
  ])('%j is never run unconfined here: it is declared at rest, and says so', (fields) => {
    expect(spec(old(fields))).toMatchObject({ suspend: true });
    expect(warnings(old(fields)).join()).toContain('at rest (suspend: true)');
  });

  it.each([
    [
      { claude: { raw_options: { a: 1 } } },
      'spec.claude.raw_options: has no counterpart in sac/v1 yet; kept in the annotation sac/converted-from',
    ],
    [
      { modle: 'x' },
      'spec.modle: is no known field of the older versions (did you mean "model"?); kept in the annotation sac/converted-from',
    ],
    [
      { hooks: { pre_strt: ['x'] } },
      'spec.hooks.pre_strt: is no known field of the older versions (did you mean "pre_start"?); kept in the annotation sac/converted-from',
    ],
    [
      { env: { A: '~/x' } },
      'spec.env.A: was expanded by the old launcher (~ and shell-like variables); sac passes it as written',
    ],
  ])('%j is reported', (fields, expected) => {
    expect(warnings(old(fields))).toEqual([expected]);
  });

  it('with every field written as null is like one with none, and comes back with its nulls', () => {
    const document = old({
      runtime: 'claude-code',
      model: null,
      claude: null,
      slurm: null,
      startup_commands: [],
      health: { enabled: null },
      session: null,
    });
    expect(warnings(document)).toEqual([]);
    expect(convertBack(converted(document, 'a').manifest).document).toEqual(document);
  });

  it.each([
    [
      { restart: { policy: 'sometimes' } },
      'spec.restart.policy',
      '"sometimes" is not one of never, on-failure, always',
    ],
    [{ restart: { backoff: { initial: 'fast' } } }, 'spec.restart.backoff.initial', '"fast" is not a number'],
    [{ startup_commands: [{ delay: 1 }] }, 'spec.startup_commands.0.command', 'is required: text'],
    [
      { context_management: { strategy: 'compct' } },
      'spec.context_management.strategy',
      '"compct" is not one of noop, compact, restart (did you mean "compact"?)',
    ],
    [{ claude: { continue_max_age_minutes: 'x' } }, 'spec.claude.continue_max_age_minutes', '"x" is not a number'],
    [{ listen: [{ port: 99999 }] }, 'spec.listen.0.port', '99999 is more than 65535'],
    [
      { hooks: { pre_start: 'x' } },
      'spec.hooks.pre_start',
      '"x" is not a list (write each item on a line of its own, after "- ")',
    ],
    [{ health: { enabled: 'perhaps' } }, 'spec.health.enabled', '"perhaps" is not true or false'],
  ])('with a bad value is refused where it stands: %j', (fields, path, message) => {
    const conversion = convertToV1(old(fields));
    expect(conversion.ok ? [] : conversion.issues.map((issue) => [issue.path.join('.'), issue.message])).toEqual([
      [path, message],
    ]);
  });

  it('must not contradict its folder', () => {
    expect(convertToV1(old({}), 'b').ok).toBe(false);
  });
});

describe('the way back', () => {
  it('takes later edits along, and leaves the rest as it was', () => {
    const document = old(
      { model: 'sonnet', claude: { flags: ['-x'] }, restart: { policy: 'always', max_retries: 2 } },
      V2,
    );
    const { manifest } = converted(document);
    const edited = { ...manifest, spec: { ...Object(manifest['spec']), model: 'opus', restart: { policy: 'never' } } };
    expect(convertBack(edited).document).toEqual(old({ model: 'opus', claude: { flags: ['-x'] } }, V2));
  });

  it('names what the old version cannot say', () => {
    const native = {
      apiVersion: 'sac/v1',
      kind: 'Agent',
      metadata: { name: 'a' },
      spec: {
        profile: 'exec',
        command: ['x'],
        replicas: 2,
        restart: { policy: 'always', maxRetries: 1, backoff: { initial: '5s' } },
      },
    };
    const { document, lost } = convertBack(native);
    expect(document).toMatchObject({
      apiVersion: V3,
      spec: { restart: { policy: 'always', max_retries: 1, backoff: { initial: 5 } } },
    });
    expect(lost).toEqual(expect.arrayContaining(['spec.profile', 'spec.command']));
    expect(convertBack({ ...native, spec: { model: 'opus', replicas: 2 } }).lost).toEqual(['spec.replicas']);
  });

  it('survives an annotation that was damaged', () => {
    expect(
      convertBack({ metadata: { name: 'a', annotations: { [CONVERTED_FROM]: '{' } }, spec: {} }).document,
    ).toMatchObject({ apiVersion: V3 });
    expect(convertBack(null).document).toMatchObject({ apiVersion: V3 });
  });
});

describe('any older manifest', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/);
  const free = fc.oneof(word, fc.constantFrom('', '~', 'A b', '${HOSTNAME}', 'Über', 'a.b'));
  const maybe = <T>(value: fc.Arbitrary<T>) =>
    fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: fc.constant(null) });
  const some = <T extends object>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
    fc.record(shape, { requiredKeys: [] });
  const json = fc
    .jsonValue({ maxDepth: 2 })
    .map((value): unknown => JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'proto')));
  const count = fc.nat({ max: 100 });
  const volume = fc.constantFrom('/a:/b', '~/a:/b:ro', 'data:/d', 'data:/d:ro', 'data', './x', '/a:b', ':');
  const texts = fc.array(free, { maxLength: 3 });
  const anySpec = some({
    runtime: maybe(fc.constantFrom(...OLD_RUNTIMES, '')),
    multiplexer: maybe(fc.constantFrom('tmux', 'screen')),
    model: maybe(free),
    workdir: maybe(free),
    env: maybe(fc.dictionary(fc.stringMatching(/^[A-Z]{1,4}$/), fc.oneof(free, count, fc.boolean()), { maxKeys: 3 })),
    'env-file': maybe(fc.oneof(free, texts)),
    env_files: maybe(texts),
    session: maybe(fc.constantFrom(...OLD_SESSIONS)),
    harness: maybe(free),
    host: maybe(fc.oneof(free, texts)),
    hosts: fc.oneof(fc.constant('all'), fc.array(free, { minLength: 1, maxLength: 3 })),
    remote: maybe(fc.oneof(free, texts, some({ host: free, user: free, port: count }))),
    scheduling: maybe(
      some({ mode: fc.constantFrom('per-host', 'singleton'), 'preferred-host': free, 'fallback-hosts': texts }),
    ),
    container: maybe(
      some({
        runtime: maybe(fc.constantFrom('none', 'docker', 'podman', 'apptainer')),
        image: maybe(free),
        volumes: maybe(fc.array(fc.oneof(free, volume), { maxLength: 3 })),
        network: maybe(fc.constantFrom('host', 'bridge', 'none')),
        mount_host_claude: maybe(fc.oneof(fc.boolean(), fc.constantFrom('yes', 'off'))),
      }),
    ),
    image: maybe(free),
    user: maybe(fc.constantFrom('', 'host', '1000:1000', 'me:')),
    slurm: maybe(
      some({
        partition: maybe(free),
        time_limit: maybe(fc.oneof(count, fc.constantFrom('1-00:00:00', '12:00', 'soon'))),
        cpus_per_task: count,
        mem: maybe(fc.oneof(count, fc.constantFrom('16G', '4gb', 'much'))),
        nodes: maybe(count),
        gres: free,
        job_name: free,
        signal: maybe(fc.constantFrom('', 'B:USR1@60', 'TERM')),
        auto_resubmit: fc.oneof(fc.boolean(), fc.constantFrom('yes', 'off')),
        hold: maybe(fc.constantFrom('tail -f /dev/null', 'sleep 9')),
        reservation: maybe(free),
        extra_directives: maybe(fc.array(fc.constantFrom('#SBATCH --exclusive', '--output=x', 'odd', '--qos=a'))),
        hooks: maybe(some({ pre_submit: free, pre_agent: maybe(fc.constantFrom('~/x', '/x', 'x')), attach: free })),
        heartbeat: maybe(some({ command: free, interval_s: maybe(count), log_file: maybe(free) })),
      }),
    ),
    apptainer: maybe(
      some({
        env: fc.dictionary(word, free, { maxKeys: 2 }),
        image: fc.oneof(free, fc.constantFrom('a.sif', '/b', '../c.sif')),
        overlay: maybe(free),
        binds: maybe(fc.array(fc.oneof(volume, fc.record({ src: free, dst: free })), { maxLength: 2 })),
        nv: maybe(fc.boolean()),
        relaxed: fc.boolean(),
      }),
    ),
    claude: maybe(
      some({
        flags: texts,
        model: maybe(free),
        session: maybe(fc.constantFrom(...OLD_SESSIONS)),
        resume_id: free,
        continue_max_age_minutes: fc.integer({ min: 1, max: 99 }),
        channels: texts,
        account: free,
        provider: maybe(fc.record({ base_url: fc.constantFrom('http://u', 'u'), auth_token_env: word })),
        auto_accept: fc.oneof(fc.boolean(), fc.constantFrom('yes', 'off')),
        odd: json,
      }),
    ),
    skills: maybe(
      some({ required: texts, available: maybe(texts), injection_mode: fc.constantFrom('block', 'at-import') }),
    ),
    mcp_servers: maybe(
      fc.dictionary(
        free,
        some({
          command: maybe(free),
          args: fc.array(fc.oneof(free, count)),
          env: fc.dictionary(word, free),
          odd: json,
        }),
        { maxKeys: 2 },
      ),
    ),
    venv: maybe(fc.oneof(free, texts)),
    'python-venv': maybe(free),
    to_home: fc.constantFrom('./to_home', 'elsewhere', ''),
    startup_commands: maybe(
      fc.array(fc.oneof(free, fc.record({ command: free, delay: maybe(count) }, { requiredKeys: ['command'] })), {
        maxLength: 2,
      }),
    ),
    startup: maybe(
      some({
        ready_patterns: fc.oneof(free, fc.array(fc.oneof(free, fc.record({ regex: free })), { maxLength: 2 })),
        ready_idle_ticks: fc.integer({ min: 1, max: 9 }),
        ready_poll_interval_seconds: fc.constantFrom(0.5, 1, 7),
        ready_timeout_seconds: fc.constantFrom(1, 60, 90),
        on_timeout: maybe(fc.constantFrom('capture_and_proceed', 'capture_and_fail')),
        commands: fc.array(fc.record({ command: free, delay: count }), { maxLength: 2 }),
      }),
    ),
    health: maybe(
      some({
        enabled: fc.oneof(fc.boolean(), fc.constantFrom('yes', 'off')),
        interval: count,
        timeout: count,
        method: fc.constantFrom('screen-alive', 'sdk-alive', 'a2a-card'),
      }),
    ),
    restart: maybe(
      some({
        policy: maybe(fc.constantFrom('never', 'on-failure', 'always')),
        max_retries: count,
        backoff: maybe(some({ initial: count, max: count, multiplier: fc.integer({ min: 1, max: 9 }) })),
        backoff_initial: count,
        prune_on_stop: fc.boolean(),
      }),
    ),
    hooks: maybe(some({ pre_start: texts, on_diff: maybe(texts), other: json })),
    extensions: fc.dictionary(word, json, { maxKeys: 2 }),
    startup_prompts: texts,
    unheard_of: json,
  });
  const anyDocument = fc.record(
    {
      apiVersion: fc.constantFrom(...OLD_API_VERSIONS),
      kind: fc.constantFrom('Agent', 'Agent', 'AgentProxy'),
      metadata: maybe(
        some({
          name: fc.oneof(word, fc.constantFrom('My Agent', 'a_b', '-')),
          labels: maybe(fc.dictionary(free, fc.oneof(free, count, texts), { maxKeys: 3 })),
          more: json,
        }),
      ),
      spec: anySpec,
      odd: json,
    },
    { requiredKeys: ['apiVersion', 'kind', 'spec'] },
  );

  it('comes back as it was, and converts the same again', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(anyDocument, fc.option(word, { nil: undefined }), (document, folder) => {
        const clean: unknown = JSON.parse(JSON.stringify(document));
        const conversion = convertToV1(clean, folder);
        if (!conversion.ok) {
          expect(conversion.issues.map((issue) => issue.path.join('.'))).toEqual(['metadata.name']);
          return;
        }
        expect(convertBack(conversion.manifest).document).toEqual(clean);
        expect(convertBack(JSON.parse(JSON.stringify(conversion.manifest))).document).toEqual(clean);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is a valid sac/v1 manifest, or wrong in a field that has a place in the old document', {
    timeout: 120_000,
  }, () => {
    fc.assert(
      fc.property(anyDocument, (document) => {
        const conversion = convertToV1(JSON.parse(JSON.stringify(document)));
        if (!conversion.ok) return;
        const { error } = agentManifestSchema.safeParse(conversion.manifest);
        for (const issue of error?.issues ?? []) {
          const path = conversion.cameFrom(issue.path.map((part) => (typeof part === 'number' ? part : String(part))));
          expect([
            'metadata.name',
            'spec.hosts',
            'spec.model',
            'spec.env',
            'spec.apptainer',
            'spec.slurm',
            'spec.hooks',
            'spec.env-file',
            'spec.env_files',
            'spec.claude',
            'spec.skills',
            'spec.mcp_servers',
            'spec.startup',
            'spec.startup_commands',
          ]).toContain(path.slice(0, 2).join('.'));
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

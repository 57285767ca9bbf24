/**
 * Owns: what the fields of the older manifests may hold: the union of all generations, so that a bad value is an error with
 * its place and never silently a default.
 * Never: refuses a field it does not know; those are carried.
 */
import { z } from 'zod';
import { OLD_API_VERSIONS } from './generation.ts';

const text = z.string();
const scalar = z.union([z.string(), z.number(), z.boolean()], { error: 'is not text' });
// Written for YAML 1.1 readers, where these words were booleans.
const WORDS = ['yes', 'no', 'on', 'off', 'Yes', 'No', 'On', 'Off', 'YES', 'NO', 'ON', 'OFF'] as const;
const flag = z.union([z.boolean(), z.enum(WORDS)], { error: 'is not true or false' }).nullish();
const texts = z.array(text).nullish();
const oneOrMore = z.union([text, z.array(text)], { error: 'is not text or a list of text' }).nullish();
const seconds = z.number().min(0).nullish();
const count = z.int().min(0).nullish();
const map = z.record(text, z.unknown()).nullish();
const open = <S extends z.core.$ZodLooseShape>(shape: S) => z.looseObject(shape).nullish();
const oneOf = <const T extends readonly string[]>(values: T) => z.enum(values).nullish();
const string = text.nullish();
const port = z.int().min(0).max(65_535).nullish();

const command = z.looseObject({ command: text, delay: seconds });
const commands = z.array(z.union([text, command], { error: 'is not text or {command, delay}' })).nullish();
const pattern = z.union([text, z.looseObject({ regex: text })], { error: 'is not text or {regex}' });

export const OLD_RUNTIMES = [
  'claude-code',
  'cursor',
  'aider',
  'slurm',
  'slurm-tenant',
  'claude-session',
  'claude-cli-tui',
  'claude-sdk-persistent',
  'docker',
  'podman',
  'apptainer',
  'tui',
] as const;
export const OLD_SESSIONS = ['continue-or-new', 'continue', 'new', 'resume', 'new-session', 'fresh'] as const;
export const OLD_HOOKS = [
  'pre_start',
  'post_start',
  'pre_stop',
  'post_stop',
  'on_compact',
  'on_restart',
  'on_diff',
] as const;

const claude = open({
  channels: texts,
  flags: texts,
  session: oneOf(OLD_SESSIONS),
  continue_max_age_minutes: z.number().positive().nullish(),
  resume_id: string,
  auto_accept: flag,
  raw_options: map,
  account: string,
  credentials_file: string,
  credentials_files: oneOrMore,
  model: string,
  provider: open({ base_url: text.min(1), auth_token_env: text.min(1) }),
});
const container = open({
  runtime: oneOf(['none', 'docker', 'apptainer', 'podman']),
  image: string,
  volumes: texts,
  network: oneOf(['host', 'bridge', 'none']),
  mount_host_claude: flag,
});
const apptainer = open({
  image: string,
  overlay: string,
  overlay_size: string,
  overlay_create_if_missing: flag,
  env: z.record(text, scalar).nullish(),
  container_workdir: string,
  binds: z
    .array(
      z.union([text, z.looseObject({ src: text, dst: text })], { error: 'is not host:container or {src, dst, mode}' }),
    )
    .nullish(),
  nv: flag,
  rocm: flag,
  raw_args: texts,
  relaxed: flag,
  fakeroot: flag,
  jail: flag,
  nested_build: flag,
  tmpfs_size: string,
});
const slurm = open({
  partition: string,
  time_limit: scalar.nullish(),
  cpus_per_task: count,
  mem: scalar.nullish(),
  nodes: count,
  ntasks: count,
  gres: string,
  job_name: string,
  signal: string,
  auto_resubmit: flag,
  hold: string,
  logs_dir: string,
  reservation: string,
  extra_directives: texts,
  hooks: open({ pre_submit: string, pre_agent: string, walltime_signal: string, post_agent: string, attach: string }),
  heartbeat: open({ command: string, interval_s: seconds, log_file: string }),
});
const remote = z
  .union(
    [
      text,
      z.array(text),
      z.looseObject({
        host: string,
        user: string,
        key: string,
        port,
        timeout: seconds,
        login_shell: flag,
        no_preflight: flag,
        hops: texts,
      }),
    ],
    { error: 'is not a host, a list of hosts or {host, user, key, port}' },
  )
  .nullish();

const spec = z.looseObject({
  runtime: z.union([z.enum(OLD_RUNTIMES), z.literal('')]).nullish(),
  model: string,
  workdir: string,
  multiplexer: oneOf(['tmux', 'screen']),
  venv: oneOrMore,
  'python-venv': oneOrMore,
  env: z.record(text, scalar).nullish(),
  'env-file': oneOrMore,
  env_file: oneOrMore,
  env_files: oneOrMore,
  screen: open({ name: string }),
  session: oneOf(OLD_SESSIONS),
  image: string,
  dockerfile: string,
  user: string,
  harness: string,
  host: oneOrMore,
  hosts: z
    .union([z.literal('all'), z.array(text).min(1)], { error: 'is not "all" or a list of host names' })
    .optional(),
  scheduling: open({ mode: oneOf(['per-host', 'singleton']), 'preferred-host': string, 'fallback-hosts': texts }),
  extensions: map,
  claude,
  container,
  apptainer,
  slurm,
  remote,
  health: open({
    enabled: flag,
    interval: seconds,
    timeout: seconds,
    method: oneOf(['screen-alive', 'multiplexer-alive', 'sdk-alive', 'a2a-card']),
  }),
  restart: open({
    policy: oneOf(['never', 'on-failure', 'always']),
    max_retries: count,
    prune_on_stop: flag,
    backoff: open({ initial: seconds, max: seconds, multiplier: z.number().nullish() }),
    backoff_initial: seconds,
    backoff_max: seconds,
    backoff_multiplier: z.number().nullish(),
  }),
  watchdog: open({ enabled: flag, interval: seconds, responses: map }),
  telegram: open({
    bot_token_env: string,
    allowed_users: z.array(scalar).nullish(),
    auto_connect: flag,
    greeting: string,
  }),
  orochi: open({ enabled: flag, hosts: texts, port, token_env: string, channels: texts, heartbeat_interval: seconds }),
  skills: open({
    required: texts,
    available: texts,
    injection_mode: oneOf(['at-import', 'block']),
    match_by: z.array(z.enum(['skill-id', 'tag', 'filename'])).nullish(),
    match_style: oneOf(['exact', 'partial']),
  }),
  mcp_servers: z
    .record(
      text,
      z.looseObject({ command: string, args: z.array(scalar).nullish(), env: z.record(text, scalar).nullish() }),
    )
    .nullish(),
  startup_commands: commands,
  startup_prompts: texts,
  startup: open({
    ready_patterns: z.union([pattern, z.array(pattern)], { error: 'is not a pattern or a list of them' }).nullish(),
    ready_idle_ticks: z.int().min(1).nullish(),
    ready_poll_interval_seconds: z.number().min(0.05).nullish(),
    ready_timeout_seconds: z.number().min(1).nullish(),
    on_timeout: oneOf(['capture_and_proceed', 'capture_and_fail']),
    commands,
  }),
  context_management: open({
    trigger_at_percent: z.number().min(0).max(100).nullish(),
    strategy: oneOf(['noop', 'compact', 'restart']),
    warn_before_n_checks: count,
    check_interval_seconds: z.number().min(1).nullish(),
    state_file: string,
  }),
  hooks: open(Object.fromEntries(OLD_HOOKS.map((name) => [name, texts]))),
  listen: z
    .array(z.looseObject({ port, proto: oneOf(['tcp', 'udp', 'unix']), path: string, name: string, owner: string }))
    .nullish(),
  autonomous: open({
    enabled: flag,
    drive_until: string,
    max_turns: z.int().positive().nullish(),
    idle_kick_after_s: z.number().positive().nullish(),
    kick_text: string,
  }),
  a2a: open({
    host: string,
    port: z.union([z.literal('auto'), z.int().min(0).max(65_535)], { error: 'is not a port or auto' }).nullish(),
    handler: string,
  }),
  comms: map,
  lineage: open({ group: string, may_spawn: flag }),
  mounts: z.array(z.unknown()).nullish(),
  to_home: string,
  to_home_layers: z.unknown().optional(),
  dot_claude: z.unknown().optional(),
  proxy: open({
    upstream: text.regex(/^https?:\/\//, { message: 'is not an http(s) URL' }),
    trust: oneOf(['untrusted', 'local-mesh', 'trusted']),
    redact: texts,
    timeout_s: z.number().positive().nullish(),
  }),
});

export const oldManifestSchema = z.looseObject({
  apiVersion: z.enum(OLD_API_VERSIONS),
  kind: z.enum(['Agent', 'AgentProxy']),
  metadata: z
    .looseObject({
      name: text.min(1).nullish(),
      labels: z.record(text, z.union([scalar, z.array(scalar)], { error: 'is not text or a list of text' })).nullish(),
    })
    .nullish(),
  spec: spec.nullish(),
});

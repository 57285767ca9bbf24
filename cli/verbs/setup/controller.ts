/**
 * Owns: `sac controller run | start | stop | status`.
 * Never: ends an agent: they outlive the controller.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { ControllerStatus } from '../../../api/protocol.ts';
import { BadRequestError, EXIT, NoControllerError, TimedOutError } from '../../../api/resources/errors.ts';
import { controllerProgram, startInBackground } from '../../client/connection.ts';
import { CONTROLLER_NODE_FLAGS } from '../../client/node-flags.ts';
import { parseDuration } from '../../durations.ts';
import { oneLine } from '../../output/terminal.ts';
import { type Context, flag, type Options, type Run, text, texts } from '../../verb.ts';

const STOP_TIMEOUT_MS = 30_000;

export const run: Run = (_args, options, context) => {
  switch (text(options, 'verb')) {
    case 'run':
      return runInForeground(options, context);
    case 'start':
      return start(options, context);
    case 'stop':
      return stop(options, context);
    default:
      return status(options, context);
  }
};

function flagsFrom(options: Options): readonly string[] {
  const flags: string[] = texts(options, 'agentsDir').flatMap((dir) => ['--agents-dir', dir]);
  for (const [key, name] of [
    ['listen', '--listen'],
    ['tlsCert', '--tls-cert'],
    ['tlsKey', '--tls-key'],
    ['resync', '--resync'],
  ] as const) {
    const value = text(options, key);
    if (value !== undefined) flags.push(name, value);
  }
  return flag(options, 'takeover') ? [...flags, '--takeover'] : flags;
}

function runInForeground(options: Options, { env, cwd }: Context): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...CONTROLLER_NODE_FLAGS, controllerProgram(), ...flagsFrom(options)], {
      cwd,
      env: { ...env },
      stdio: 'inherit',
    });
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
    // A terminal sends Ctrl-C to both of us: we wait for it.
    process.removeAllListeners('SIGINT');
    process.on('SIGINT', () => undefined);
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

async function start(options: Options, context: Context): Promise<number> {
  try {
    const { pid } = await (await context.running()).controller();
    context.out.write(`controller runs already (pid ${pid})\n`);
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof NoControllerError)) throw error;
  }
  const pid = await startInBackground({
    home: context.home,
    env: context.env,
    cwd: context.cwd,
    err: context.err,
    flags: flagsFrom(options),
  });
  context.out.write(`controller started (pid ${pid})\n`);
  return EXIT.done;
}

async function stop(options: Options, context: Context): Promise<number> {
  const client = await context.running();
  const { pid, agents } = await client.controller();
  await client.stopController();
  const end =
    Date.now() +
    (text(options, 'timeout') === undefined
      ? STOP_TIMEOUT_MS
      : parseDuration(text(options, 'timeout') ?? '', '--timeout'));
  const target = await context.target();
  // Elsewhere, or behind a forwarded socket, its pid may be another machine's.
  const here = 'socket' in target && target.socket === context.home.socket;
  while ((await answers(client)) || (here && lives(pid))) {
    if (Date.now() > end) throw new TimedOutError(`the controller (pid ${pid}) has not stopped yet`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
  context.out.write(`controller stopped (pid ${pid}); its ${agents} agents stay alive\n`);
  return EXIT.done;
}

/** It holds its home's lock to the last moment: what starts the next one right away must find it gone. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function answers(client: Awaited<ReturnType<Context['running']>>): Promise<boolean> {
  try {
    await client.version();
    return true;
  } catch {
    return false;
  }
}

async function status(options: Options, context: Context): Promise<number> {
  const found = await (await context.running()).controller();
  const format = text(options, 'output');
  if (format === 'json') context.out.write(`${JSON.stringify(found, undefined, 2)}\n`);
  else if (format === 'yaml') context.out.write((await import('../../output/yaml.ts')).toYaml(found));
  else if (format === undefined) context.out.write(describe(found));
  else throw new BadRequestError(`-o "${format}" is not json or yaml`);
  return EXIT.done;
}

const describe = ({
  pid,
  version,
  home,
  fleet,
  socket,
  listen,
  agentsDirs,
  startedAt,
  agents,
  manifestErrors,
}: ControllerStatus): string => {
  const lines: [string, string][] = [
    ['Running', `pid ${pid}, version ${version}, since ${startedAt}`],
    ['Home', home],
    ['Fleet', fleet],
    ['Socket', socket],
    ['Listening', listen ?? 'no (only the socket)'],
    ['Watching', agentsDirs.join(', ') || 'no directory'],
    ['Agents', String(agents)],
  ];
  const problems = manifestErrors.map((problem) => `  ${oneLine(problem)}\n`).join('');
  return `${lines.map(([key, value]) => `${`${key}:`.padEnd(11)} ${oneLine(value)}\n`).join('')}${problems === '' ? '' : `Manifest problems:\n${problems}`}`;
};

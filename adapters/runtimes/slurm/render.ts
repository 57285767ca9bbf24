/**
 * Owns: the job script of one start: directives, what differs from agent to agent, and the fixed body. Pure.
 * Never: puts data into the script except through the one quoting function; secrets stay in the 0600 launch file.
 */

import { type SlurmOptions, slurmSchema } from '../../../api/resources/agent/place/slurm.ts';
import { instanceNameOf } from '../../../api/resources/names.ts';
import { durationMs } from '../../../api/resources/time.ts';
import { quoteWord } from '../../transport/quote.ts';
import { launchFilePath } from '../launch/launch-files.ts';
import type { Launch, PlaceDirs } from '../runtime.ts';
import { JOB_BODY } from './job-body.ts';
import { renderMark } from './mark.ts';
import { ASK } from './scripts.ts';

export const slurmRoot = (dirs: PlaceDirs): string => `${dirs.run}/slurm`;
export const slurmOptionsOf = (launch: Launch): SlurmOptions => launch.options.slurm ?? slurmSchema.parse({});

/** What sbatch reads as a path, whatever it stands beside; `%` would be a pattern. */
const PLAIN_PATH = /^[A-Za-z0-9_./-]+$/;

/** The whole script, as `sac render` shows it and `sbatch` gets it. */
export function renderJobScript(launch: Launch, dirs: PlaceDirs): string {
  const name = instanceNameOf(launch.id);
  const options = slurmOptionsOf(launch);
  return [
    '#!/bin/bash',
    `# Job of the agent ${name}, written by sac for one start; it is written anew each time. Holds no secrets.`,
    ...directives(launch, dirs, options),
    '',
    '# --- this agent ---',
    ...settings(launch, dirs, options),
    '',
    '# --- the same for all ---',
    JOB_BODY.trim(),
    '',
  ].join('\n');
}

function directives(launch: Launch, dirs: PlaceDirs, options: SlurmOptions): readonly string[] {
  const name = instanceNameOf(launch.id);
  const log = `${dirs.logs}/${name}/current.log`;
  const given: readonly (readonly [string, string | number | undefined])[] = [
    ['job-name', name],
    ['comment', renderMark(launch)],
    ['partition', options.partition],
    ['account', options.account],
    ['qos', options.qos],
    ['time', options.timeLimit],
    ['nodes', options.nodes],
    // With fewer tasks than nodes sbatch takes no more nodes than tasks, and says so to nobody who would read it.
    ['ntasks', Math.max(options.ntasks, options.nodes)],
    ['cpus-per-task', options.cpusPerTask],
    ['mem', options.mem],
    ['gres', options.gres],
    ['signal', options.signal === 'none' ? undefined : options.signal],
    // SLURM's own words about the job; where the path cannot be said, they are lost and the job's are not.
    ['output', PLAIN_PATH.test(log) ? log : '/dev/null'],
    ['open-mode', 'append'],
    ['chdir', '/'],
  ];
  return [
    ...given.flatMap(([key, value]) => (value === undefined ? [] : [`#SBATCH --${key}=${value}`])),
    // Whether it is started again is the restart policy's business.
    '#SBATCH --no-requeue',
    ...options.extraDirectives.map((directive) => `#SBATCH ${directive}`),
  ];
}

function settings(launch: Launch, dirs: PlaceDirs, options: SlurmOptions): readonly string[] {
  const name = instanceNameOf(launch.id);
  const root = slurmRoot(dirs);
  const { hooks, heartbeat } = options;
  const logs = `${dirs.logs}/${name}`;
  return [
    ['name', quoteWord(name)],
    ['id', quoteWord(launch.id)],
    ['incarnation', String(launch.incarnation)],
    ['mark', quoteWord(renderMark(launch))],
    ['root', quoteWord(root)],
    ['dir', quoteWord(`${root}/${name}`)],
    ['launch', quoteWord(launchFilePath(dirs, launch))],
    ['log', quoteWord(`${logs}/current.log`)],
    ['workdir', quoteWord(launch.cwd)],
    ['columns', String(launch.options.tmux.width)],
    ['rows', String(launch.options.tmux.height)],
    ['signal', options.signal === 'none' ? 'none' : (/:([A-Z0-9]+)/.exec(options.signal)?.[1] ?? 'USR1')],
    ['resubmits', options.resubmit ? '1' : '0'],
    ['hook_pre_agent', pathWord(hooks.preAgent)],
    ['hook_walltime_signal', pathWord(hooks.walltimeSignal)],
    ['hook_post_agent', pathWord(hooks.postAgent)],
    ['heartbeat', quoteWord(heartbeat?.command ?? '')],
    ['heartbeat_seconds', String(Math.max(1, Math.round(durationMs(heartbeat?.interval ?? '30s') / 1000)))],
    ['heartbeat_log', heartbeat?.logFile ? pathWord(heartbeat.logFile) : quoteWord(`${logs}/heartbeat.log`)],
    ['hold', quoteWord(options.hold ?? '')],
  ].map(([key, value]) => `sac_${key}=${value}`);
}

/** `~/` is the home of the user it is read as; nothing else in a path means anything but itself. */
const pathWord = (path: string | undefined): string =>
  path?.startsWith('~/') ? `"$HOME"/${quoteWord(path.slice(2))}` : quoteWord(path ?? '');

/** Run by bash instead of sbatch itself where a preSubmit hook is declared: what it exports reaches the job. */
export function renderSubmitScript(launch: Launch, dirs: PlaceDirs): string | undefined {
  const { preSubmit } = slurmOptionsOf(launch).hooks;
  if (preSubmit === undefined) return undefined;
  return [
    ...hookLines('pre_submit', preSubmit, launch, dirs),
    `exec ${ASK} sbatch --parsable --hold ${quoteWord(`${slurmRoot(dirs)}/${instanceNameOf(launch.id)}/job.sh`)}`,
    '',
  ].join('\n');
}

/** Sourced by sh before it goes to the node. */
export function renderAttachScript(launch: Launch, dirs: PlaceDirs): string | undefined {
  const { attach } = slurmOptionsOf(launch).hooks;
  return attach === undefined ? undefined : `${hookLines('attach', attach, launch, dirs).join('\n')}\n`;
}

function hookLines(phase: string, path: string, launch: Launch, dirs: PlaceDirs): readonly string[] {
  const word = pathWord(path);
  return [
    `export SAC_AGENT_ID=${quoteWord(launch.id)} SAC_JOB_ID="\${job:-}" SAC_PHASE=${phase}`,
    `export SAC_WORKDIR=${quoteWord(launch.cwd)} SAC_LOG_FILE=${quoteWord(`${dirs.logs}/${instanceNameOf(launch.id)}/current.log`)}`,
    `[ -r ${word} ] || { printf 'hook ${phase}: %s cannot be read\\n' ${word} >&2; exit 78; }`,
    // What it prints is no answer of sbatch.
    `. ${word} >&2 || { printf 'hook ${phase}: %s failed with code %s\\n' ${word} "$?" >&2; exit 78; }`,
  ];
}

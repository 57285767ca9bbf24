/**
 * Owns: `spec.slurm` of older manifests, field by field.
 * Never: passes on what would make the job another than the old launcher's without saying so.
 */
import { isDirective } from '../resources/agent/place/slurm.ts';
import { inSeconds, truth } from './duration-words.ts';
import type { Json } from './json.ts';
import { listOf, orNothing, type Rule, type RuleContext, textOf } from './rule.ts';

type Value = Json | undefined;
type Reading = (value: Json, context: RuleContext) => Value;

/** One field under another name; `write` only where the way back is not the value itself. */
const fieldRule = (old: string, v1: string, read: Reading, write: (value: Json) => Value = (value) => value): Rule => ({
  old: [`spec.slurm.${old}`],
  v1: [`spec.place.slurm.${v1}`],
  forward: ([value], context) => [value === undefined ? undefined : read(value, context)],
  backward: ([value]) => [value === undefined ? undefined : write(value)],
});

const same: Reading = (value) => value;
const filled: Reading = (value) => (typeof value === 'string' ? textOf(value) : String(value));
/** SLURM takes 16G, 16g and 16GB for the same. */
const memory: Reading = (value, context) => {
  const [, amount, unit = ''] = /^(\d+) *(?:([KMGT])B?)?$/i.exec(String(value)) ?? [];
  return amount === undefined ? filled(value, context) : `${amount}${unit.toUpperCase()}`;
};

/** What was only tested for being there, `~` not expanded, was skipped without a word when it was not. */
const hook = (old: string, v1: string, moved?: string): Rule =>
  fieldRule(`hooks.${old}`, `hooks.${v1}`, (value, context) => {
    const path = textOf(value);
    if (path === undefined) return undefined;
    if (!/^~?\//.test(path)) {
      context.suspend(`spec.slurm.hooks.${old}`, `"${path}" is not an absolute path, so that it cannot be found`);
      return undefined;
    }
    if (moved !== undefined) context.warn(`spec.slurm.hooks.${old}`, moved);
    return path;
  });

/** Old directives are whole lines of the script. */
const asOption = (line: Json): string => String(line).replace(/^#SBATCH\s+/, '');

const heartbeatRule: Rule = {
  old: ['spec.slurm.heartbeat.command', 'spec.slurm.heartbeat.interval_s', 'spec.slurm.heartbeat.log_file'],
  v1: [
    'spec.place.slurm.heartbeat.command',
    'spec.place.slurm.heartbeat.interval',
    'spec.place.slurm.heartbeat.logFile',
  ],
  // Without a command there was no loop, whatever else was said of it.
  forward: ([command, interval, file]) =>
    textOf(command) === undefined
      ? []
      : [command, typeof interval === 'number' ? Math.max(1, interval) : undefined, textOf(file)],
  backward: ([command, interval, file]) => [command, inSeconds(interval), file],
};

/** The old job was kept by this command alone; ours lives as long as its agent. */
const holdRule: Rule = {
  old: ['spec.slurm.hold'],
  v1: [],
  forward([hold], { warn }) {
    const command = textOf(hold);
    if (command !== undefined && command !== 'tail -f /dev/null')
      warn('spec.slurm.hold', 'kept the job alive; in sac the job lives as long as its agent, so it is not run');
    return [];
  },
  backward: () => [],
};

/** After the rule of the runtime. */
const ofJobs = (rule: Rule): Rule => ({
  ...rule,
  forward: (old, context) => (context.isJob() ? rule.forward(old, context) : []),
});

const RULES: readonly Rule[] = [
  fieldRule('partition', 'partition', filled),
  fieldRule('time_limit', 'timeLimit', filled),
  fieldRule('cpus_per_task', 'cpusPerTask', same),
  fieldRule('mem', 'mem', memory),
  fieldRule('nodes', 'nodes', same),
  fieldRule('ntasks', 'ntasks', same),
  fieldRule('gres', 'gres', filled),
  // Without one there was no directive.
  fieldRule(
    'signal',
    'signal',
    (value) => textOf(value) ?? 'none',
    (value) => (value === 'none' ? '' : value),
  ),
  fieldRule('auto_resubmit', 'resubmit', truth),
  fieldRule('extra_directives', 'extraDirectives', (value, { warn }) => {
    const options = listOf(value).map(asOption);
    for (const option of options.filter((one) => !isDirective(one)))
      warn('spec.slurm.extra_directives', `"${option}" is left out: sac sets it itself, or it is no option of sbatch`);
    return orNothing(options.filter(isDirective));
  }),
  hook('pre_submit', 'preSubmit', 'was run in the job; sac runs it where the job is submitted, before it is'),
  hook('pre_agent', 'preAgent'),
  hook('walltime_signal', 'walltimeSignal'),
  hook('post_agent', 'postAgent', 'was run right after the launch; sac runs it after the agent ended'),
  hook('attach', 'attach'),
  heartbeatRule,
  holdRule,
];

export const slurmRules: readonly Rule[] = RULES.map(ofJobs);

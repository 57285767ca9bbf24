/**
 * Owns: how an older manifest brought an agent to its prompt: dialogs, the ready gate, first commands and prompts.
 * Never: leaves an old default of the gate unsaid where the gate was used.
 */
import { inSeconds, truth } from './duration-words.ts';
import { isMap, type Json } from './json.ts';
import { listOf, orNothing, type Rule } from './rule.ts';

const OLD_TICKS = 3;
const OLD_TIMEOUT_S = 60;

/** Old patterns were regular expressions, also when written as plain text. */
const patternOf = (pattern: Json): Json => (isMap(pattern) ? (pattern['regex'] ?? '') : pattern);

export const readyRule: Rule = {
  old: [
    'spec.startup.ready_patterns',
    'spec.startup.ready_idle_ticks',
    'spec.startup.ready_poll_interval_seconds',
    'spec.startup.ready_timeout_seconds',
    'spec.startup.on_timeout',
  ],
  v1: [
    'spec.startup.readyPatterns',
    'spec.startup.idleTicks',
    'spec.startup.pollInterval',
    'spec.startup.timeout',
    'spec.startup.onTimeout',
  ],
  forward([patterns, ticks, poll, timeout, onTimeout]) {
    const found = listOf(isMap(patterns) ? [patterns] : patterns);
    // Without patterns there was no gate.
    const gated = found.length > 0;
    return [
      orNothing(found.map(patternOf)),
      ticks ?? (gated ? OLD_TICKS : undefined),
      poll,
      timeout ?? (gated ? OLD_TIMEOUT_S : undefined),
      onTimeout === 'capture_and_fail' ? 'fail' : gated || onTimeout !== undefined ? 'continue' : undefined,
    ];
  },
  backward([patterns, ticks, poll, timeout, onTimeout]) {
    const gated = listOf(patterns).length > 0;
    return [
      patterns,
      gated && ticks === OLD_TICKS ? undefined : ticks,
      inSeconds(poll),
      gated && timeout === OLD_TIMEOUT_S ? undefined : inSeconds(timeout),
      onTimeout === 'fail'
        ? 'capture_and_fail'
        : onTimeout === 'continue' && !gated
          ? 'capture_and_proceed'
          : undefined,
    ];
  },
};

function commandForward(written: Json): Json | undefined {
  if (!isMap(written)) return written === '' ? undefined : written;
  const { command = '', delay = null } = written;
  return command === '' ? undefined : { text: command, ...(delay !== null && { delay }) };
}

function commandBackward(said: Json): Json {
  if (!isMap(said)) return { command: said };
  const { text = '', delay } = said;
  return { command: text, ...(delay !== undefined && { delay: inSeconds(delay) ?? delay }) };
}

const kept = (list: readonly (Json | undefined)[]): readonly Json[] | undefined =>
  orNothing(list.filter((item) => item !== undefined));

export const commandsRule: Rule = {
  old: ['spec.startup.commands', 'spec.startup_commands'],
  v1: ['spec.startup.commands'],
  forward([inStartup, top]) {
    const chosen = listOf(inStartup).length > 0 ? inStartup : top;
    return [kept(listOf(chosen).map(commandForward))];
  },
  backward: ([commands]) => [undefined, Array.isArray(commands) ? commands.map(commandBackward) : undefined],
};

export const promptsRule: Rule = {
  old: ['spec.startup_prompts'],
  v1: ['spec.startup.prompts'],
  forward: ([prompts]) => [orNothing(listOf(prompts).filter((prompt) => prompt !== ''))],
  backward: ([prompts]) => [
    Array.isArray(prompts) ? prompts.map((prompt: Json) => (isMap(prompt) ? (prompt['text'] ?? '') : prompt)) : prompts,
  ],
};

/** Whoever accepted every dialog now accepts those the flags ask for. */
export const dialogsRule: Rule = {
  old: ['spec.claude.auto_accept'],
  v1: ['spec.startup.dialogs'],
  forward: ([accepts]) => [truth(accepts) === false ? 'ask' : undefined],
  backward: ([dialogs]) => [dialogs === 'ask' ? false : undefined],
};

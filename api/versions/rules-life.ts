/**
 * Owns: how an older manifest lived: model, working directory, session, health, restart; each by generation.
 * Never: leaves an old default unsaid where sac's own default differs.
 */
import { inSeconds, truth } from './duration-words.ts';
import type { Json } from './json.ts';
import { type Rule, type RuleContext, textOf } from './rule.ts';

export const modelRule: Rule = {
  old: ['spec.model', 'spec.claude.model'],
  v1: ['spec.model'],
  forward([top, inClaude], { generation, otherCli }) {
    const implied = otherCli || generation === 'v3c' || generation === 'v3d' ? undefined : 'sonnet';
    return [textOf(inClaude) ?? textOf(top) ?? implied];
  },
  backward: ([model], { generation }) => (generation === 'v3c' || generation === 'v3d' ? [undefined, model] : [model]),
};

export const workspaceRule: Rule = {
  old: ['spec.workdir'],
  v1: ['spec.workspace'],
  forward([workdir], { generation, warn }) {
    // There it named a directory inside the container.
    if (generation === 'v3d') {
      if (workdir !== undefined)
        warn('spec.workdir', 'names a directory inside the container; sac makes a workspace of its own');
      return [];
    }
    return [textOf(workdir) ?? (generation === 'v1' ? '~/proj' : undefined)];
  },
  backward: ([workspace], { generation }) => [generation === 'v3d' ? undefined : workspace],
};

type Mode = 'continue-or-new' | 'continue' | 'new' | 'resume';

/** From v3c on, `continue` means what `continue-or-new` meant before. */
function modeOf(written: Json | undefined, context: RuleContext): Mode {
  const late = context.generation === 'v3c' || context.generation === 'v3d';
  switch (written) {
    case 'continue-or-new':
    case 'new':
    case 'resume':
      return written;
    case 'continue':
      return late ? 'continue-or-new' : 'continue';
    case 'new-session':
    case 'fresh':
      return 'new';
    default:
      return defaultMode(context);
  }
}

function defaultMode({ generation, role }: RuleContext): Mode {
  if (generation === 'v1') return 'new';
  return generation === 'v3d' && role !== 'coordinator' ? 'new' : 'continue-or-new';
}

export const sessionRule: Rule = {
  old: ['spec.session', 'spec.claude.session', 'spec.claude.resume_id', 'spec.claude.continue_max_age_minutes'],
  v1: ['spec.session'],
  forward([top, inClaude, resumeId, maxAge], context) {
    const written = textOf(top) ?? textOf(inClaude);
    let mode = modeOf(written, context);
    const id = textOf(resumeId);
    if (mode === 'resume' && id === undefined) {
      context.warn(
        'spec.claude.session',
        'resume without resume_id continued the newest conversation, and so does sac',
      );
      mode = 'continue';
    }
    const age = typeof maxAge === 'number' ? maxAge : undefined;
    if (written === undefined && age === undefined) return [mode === 'continue-or-new' ? undefined : mode];
    const resumes = mode === 'resume' && id !== undefined;
    if (!resumes && age === undefined) return [mode];
    return [{ mode, ...(resumes ? { id } : {}), ...(age === undefined ? {} : { continueMaxAgeMinutes: age }) }];
  },
  backward([session], { generation }) {
    if (session === undefined) return [];
    const form = typeof session === 'object' && session !== null && 'mode' in session ? session : { mode: session };
    const late = generation === 'v3c' || generation === 'v3d';
    const mode = late && form['mode'] === 'continue-or-new' ? 'continue' : form['mode'];
    return [undefined, mode, form['id'], form['continueMaxAgeMinutes']];
  },
};

export const healthRule: Rule = {
  old: ['spec.health.enabled', 'spec.health.interval', 'spec.health.timeout', 'spec.health.method'],
  v1: ['spec.health.enabled', 'spec.health.interval', 'spec.health.timeout', 'spec.health.method'],
  forward([enabled, interval, timeout, method], { warn }) {
    if (method === 'a2a-card') warn('spec.health.method', 'a2a-card is not available yet; alive is checked instead');
    return [truth(enabled) ?? false, interval, timeout, method === undefined ? undefined : 'alive'];
  },
  backward([enabled, interval, timeout, method], { generation }) {
    const alive =
      generation === 'v1'
        ? 'screen-alive'
        : generation === 'v3c' || generation === 'v3d'
          ? 'sdk-alive'
          : 'multiplexer-alive';
    const said =
      enabled === false && interval === undefined && timeout === undefined && method === undefined
        ? undefined
        : enabled;
    return [said, inSeconds(interval), inSeconds(timeout), method === undefined ? undefined : alive];
  },
};

export const restartRule: Rule = {
  old: [
    'spec.restart.policy',
    'spec.restart.max_retries',
    'spec.restart.backoff.initial',
    'spec.restart.backoff.max',
    'spec.restart.backoff.multiplier',
    'spec.restart.backoff_initial',
    'spec.restart.backoff_max',
    'spec.restart.backoff_multiplier',
  ],
  v1: [
    'spec.restart.policy',
    'spec.restart.maxRetries',
    'spec.restart.backoff.initial',
    'spec.restart.backoff.max',
    'spec.restart.backoff.multiplier',
  ],
  forward([policy, retries, initial, max, multiplier, flatInitial, flatMax, flatMultiplier]) {
    const restarts = policy !== undefined && policy !== 'never';
    // Plain numbers are seconds on both sides. The other old defaults (300 s, factor 2) are ours too.
    return [
      policy ?? 'never',
      retries ?? (restarts ? 3 : undefined),
      initial ?? flatInitial ?? (restarts ? 30 : undefined),
      max ?? flatMax,
      multiplier ?? flatMultiplier,
    ];
  },
  backward([policy, retries, initial, max, multiplier]) {
    const restarts = policy !== undefined && policy !== 'never';
    const first = restarts && initial === 30 ? undefined : inSeconds(initial);
    return [
      policy === 'never' ? undefined : policy,
      restarts && retries === 3 ? undefined : retries,
      first,
      inSeconds(max),
      multiplier,
    ];
  },
};

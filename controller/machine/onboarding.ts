/**
 * Owns: bringing a started agent to its prompt: which dialog is answered how, when it counts as ready, which text is submitted next.
 * Pure: one look in, at most one thing to do out. Derived anew on each pass; a look older than the last keystroke is no look.
 * Never: presses anything on a screen that it did not recognise.
 */
import type { Activity } from '../../api/resources/agent/agent.ts';
import type { ServiceFault, TokenCounts } from '../../api/resources/agent/facts.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { DialogAnswer, OnboardingPlan } from '../plan/desired-instance.ts';

/** What the last look at an agent's screen told. JSON. */
export interface Reading {
  /** When it was looked at. */
  readonly at: Instant;
  /** Since when every look told the same activity (and the same dialog). */
  readonly since: Instant;
  readonly activity: Activity;
  readonly reason: string;
  readonly dialog?: {
    readonly name: string;
    readonly text: string;
    readonly selector: string;
    readonly options: readonly { readonly number?: number; readonly label: string; readonly selected: boolean }[];
  };
  /** When it last began to compact its context, as its hooks tell. */
  readonly compactedAt?: Instant;
  readonly tool?: string;
  readonly resetsAt?: string;
  /** What an `error` is due to, where that is known. */
  readonly fault?: ServiceFault;
  readonly contextUsedRatio?: number;
  readonly model?: string;
  readonly cliVersion?: string;
  /** Where the activity is known from, when it is not the screen. */
  readonly source?: 'hooks' | 'transcript' | 'screen';
  readonly lastToolAt?: Instant;
  readonly lastToolName?: string;
  readonly tokensToday?: number;
  readonly tokens?: TokenCounts;
  readonly costUsd?: number;
  /** Conversation that `tokens` and `costUsd` are of. */
  readonly sessionId?: string;
  /** 0 to 1, by window. */
  readonly quota?: Readonly<Record<string, { readonly usedRatio: number; readonly resetsAt?: Instant }>>;
  /** All of `startup.readyPatterns` are on the screen. */
  readonly matchesReady: boolean;
}

/** What must be remembered of one incarnation's way to its prompt. JSON. */
export interface OnboardingMemory {
  readonly incarnation: Instant;
  readonly since: Instant;
  /** The last keystrokes that were asked for. */
  readonly last?: { readonly what: string; readonly at: Instant; readonly times: number };
  /** It waits for a person, or ran out of time. */
  readonly stuck?: { readonly reason: string; readonly message: string };
  /** Since when it counts as onboarded. */
  readonly done?: Instant;
}

/** So many texts were submitted, the last of them `sent`: where it still stands, its Enter was not heard. Next is `text`. */
export interface Submission {
  readonly type: 'submit';
  readonly index: number;
  readonly text?: string;
  readonly sent?: string;
}

export type OnboardingStep =
  | { readonly type: 'answer'; readonly answer: DialogAnswer }
  | Submission
  | { readonly type: 'kill' };

export interface OnboardingInput {
  readonly plan: OnboardingPlan;
  readonly memory: OnboardingMemory;
  readonly reading: Reading | undefined;
  /** Texts that were submitted to this incarnation, as the thing itself says. */
  readonly submitted: number;
  readonly now: Instant;
}
export interface OnboardingResult {
  readonly memory: OnboardingMemory;
  readonly step?: OnboardingStep;
  readonly wakeAt?: Instant;
}

/** A dialog that stands after so many answers is not understood. */
const MAX_TRIES = 3;
/**
 * The same dialog again: a CLI that restarts itself on an answer (gemini) shows it for seconds, and what is pressed meanwhile
 * ends in the new prompt. Times the answers given: one that is slow to listen is given longer and longer.
 */
const STANDS_MS = 10_000;
/** Looked at again though nobody told of a change: a hint that was lost keeps no agent from its prompt. */
const HEAL_MS = 10_000;
/** An answer that nobody heard (the controller was killed in between) is given again after this. */
const AGAIN_MS = 5_000;

export function onboard(input: OnboardingInput): OnboardingResult {
  const result = nextStep(input);
  if (result.memory.done !== undefined) return result;
  const healAt = input.now + HEAL_MS;
  return { ...result, wakeAt: Math.min(healAt, result.wakeAt ?? healAt) };
}

function nextStep(input: OnboardingInput): OnboardingResult {
  const { plan, memory, now } = input;
  if (memory.done !== undefined) return { memory };
  const deadline = memory.since + plan.timeoutMs;
  return now >= deadline ? outOfTime(input) : towardsPrompt(input, deadline);
}

function towardsPrompt(input: OnboardingInput, deadline: Instant): OnboardingResult {
  const { plan, memory, reading, submitted, now } = input;
  const waiting = { memory, wakeAt: deadline };
  if (!reading) return waiting;
  const { last } = memory;
  if (last && reading.at <= last.at) return { memory, wakeAt: Math.min(deadline, last.at + AGAIN_MS) };
  const left = plan.submit[submitted];

  switch (reading.activity) {
    case 'dialog':
      return answerDialog(input, deadline);
    case 'idle': {
      const quietAt = reading.since + plan.idleMs;
      if (now < quietAt) return { memory: unstuck(memory), wakeAt: quietAt };
      if (!reading.matchesReady && submitted === 0) return { memory: unstuck(memory), wakeAt: deadline };
      if (!left) return { memory: { ...unstuck(memory), done: now } };
      return submitNext(input, left, deadline);
    }
    case 'compose_pending':
      // What was pasted before we were killed waits for its Enter; anything else is a person's.
      // What was submitted last may stand there still: a CLI that is slow to begin does not hear every Enter.
      return left ? submitNext(input, left, deadline) : sendAgain(input, deadline);
    case 'working':
    case 'compacting':
    case 'permission_prompt':
    case 'question':
      return left ? { memory: unstuck(memory), wakeAt: deadline } : { memory: { ...unstuck(memory), done: now } };
    case 'auth_error':
    case 'limit_reached':
    case 'rate_limited':
    case 'context_low':
    case 'error':
      return {
        memory: { ...memory, stuck: { reason: 'NotUsable', message: reading.reason } },
        wakeAt: deadline,
      };
    case 'starting':
    case 'unknown':
    case 'exited':
    case 'none':
      return waiting;
  }
}

function answerDialog({ plan, memory, reading, now }: OnboardingInput, deadline: Instant): OnboardingResult {
  const { dialog } = reading ?? {};
  if (!dialog) return { memory, wakeAt: deadline };
  const what = `dialog ${dialog.name}`;
  const asks = (reason: string, message: string): OnboardingResult => ({
    memory: { ...memory, stuck: { reason, message } },
    wakeAt: deadline,
  });
  const answer = plan.answers.find(({ name }) => name === dialog.name);
  if (!answer) return asks('Dialog', dialogText(dialog));
  const { last } = memory;
  const times = last?.what === what ? last.times : 0;
  const againAt = Math.max(last?.at ?? 0, reading?.since ?? 0) + STANDS_MS * times;
  if (times > 0 && now < againAt) return { memory, wakeAt: againAt };
  if (times >= MAX_TRIES) return asks('DialogStuck', `It still asks after ${times} answers: ${dialogText(dialog)}`);
  return {
    memory: { ...unstuck(memory), last: { what, at: now, times: times + 1 } },
    step: { type: 'answer', answer },
    wakeAt: deadline,
  };
}

/** As often as a text is submitted, at growing distances; a text that stands there after that is a person's. */
function sendAgain({ plan, memory, submitted, now }: OnboardingInput, deadline: Instant): OnboardingResult {
  const what = `send ${submitted}`;
  const sent = plan.submit[submitted - 1]?.text;
  const times = memory.last?.what === what ? memory.last.times : 0;
  if (sent === undefined || times >= MAX_TRIES) return { memory: { ...unstuck(memory), done: now } };
  const againAt = (memory.last?.at ?? 0) + AGAIN_MS * 2 ** times;
  if (now < againAt) return { memory, wakeAt: againAt };
  return {
    memory: { ...unstuck(memory), last: { what, at: now, times: times + 1 } },
    step: { type: 'submit', index: submitted, sent },
    wakeAt: deadline,
  };
}

function submitNext(
  { plan, memory, submitted, now, reading }: OnboardingInput,
  { text, delayMs }: OnboardingPlan['submit'][number],
  deadline: Instant,
): OnboardingResult {
  const what = `submit ${submitted}`;
  const sent = plan.submit[submitted - 1]?.text;
  const { last } = memory;
  const dueAt = Math.max(reading?.since ?? now, last?.at ?? 0) + delayMs;
  if (now < dueAt) return { memory, wakeAt: dueAt };
  const times = last?.what === what ? last.times : 0;
  if (last && times > 0 && now < last.at + AGAIN_MS) return { memory, wakeAt: last.at + AGAIN_MS };
  if (times >= MAX_TRIES)
    return {
      memory: {
        ...memory,
        stuck: {
          reason: 'NotSubmitted',
          message: `The startup text ${submitted + 1} did not arrive after ${times} tries.`,
        },
      },
      wakeAt: deadline,
    };
  return {
    memory: { ...unstuck(memory), last: { what, at: now, times: times + 1 } },
    step: { type: 'submit', index: submitted, text, ...(sent !== undefined && { sent }) },
    wakeAt: deadline,
  };
}

function outOfTime(input: OnboardingInput): OnboardingResult {
  const { plan, memory, reading, now } = input;
  switch (plan.onTimeout) {
    case 'continue':
      return { memory: { ...unstuck(memory), done: now } };
    case 'restart':
      return { memory, step: { type: 'kill' }, wakeAt: now + AGAIN_MS };
    case 'fail': {
      // A person may still help, or a slow one come up: it is gone on with, and is not well until it got to its prompt.
      const late = towardsPrompt(input, Number.POSITIVE_INFINITY);
      if (late.memory.done !== undefined) return late;
      const told = memory.stuck?.reason === 'StartupTimeout' ? memory.stuck : undefined;
      const stuck = late.memory.stuck ??
        told ?? {
          reason: 'StartupTimeout',
          message: `Not ready ${Math.round((now - memory.since) / 1000)} s after its start; its screen reads as ${reading?.activity ?? 'nothing'}.`,
        };
      return { ...late, memory: { ...late.memory, stuck } };
    }
  }
}
const unstuck = ({ stuck: _, ...memory }: OnboardingMemory): OnboardingMemory => memory;

/** The question and its choices in one line. */
const dialogText = ({ name, text, options }: NonNullable<Reading['dialog']>): string => {
  const question = text.replaceAll(/\s+/g, ' ').trim().slice(0, 300);
  const choices = options.map(({ number, label }, i) => `${number ?? i + 1}. ${label}`).join(' | ');
  return `${name === 'unknown' ? 'An unknown dialog' : `Dialog "${name}"`}: ${question}${choices === '' ? '' : ` [${choices}]`}`;
};

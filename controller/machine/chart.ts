/**
 * Owns: the state chart of one instance: phase x gap -> phase. Reads aloud; what its words mean is in rules.ts and notes.ts.
 * Never: reads a clock, emits effects (effects.ts derives them anew on each pass), or keeps an actor alive.
 */
import { assign, setup } from 'xstate';
import { notes } from './notes.ts';
import { type GapEvent, type Pass, rules } from './rules.ts';
import type { Memory } from './snapshot.ts';

/** `assign` merges into the context, so what is forgotten must be forgotten one level down. */
interface Context {
  readonly memory: Memory;
}
type Input = { readonly context: Context; readonly event: GapEvent };
const noting =
  (note: (pass: Pass) => Memory) =>
  ({ context, event }: Input): Context => ({ memory: note({ memory: context.memory, event }) });
const guard =
  (rule: (pass: Pass) => boolean) =>
  ({ context, event }: Input): boolean =>
    rule({ memory: context.memory, event });

const machineSetup = setup({
  types: {} as { context: Context; events: GapEvent; input: Memory },
  guards: {
    ours: guard(rules.ours),
    leftUnwell: guard(rules.leftUnwell),
    leftUnwellForGood: guard(rules.leftUnwellForGood),
    isFinal: guard(rules.isFinal),
    endsWell: guard(rules.endsWell),
    due: guard(rules.due),
    retriesAtOnce: guard(rules.retriesAtOnce),
    startedAnew: guard(rules.startedAnew),
    stillDone: guard(rules.stillDone),
    stillFinal: guard(rules.stillFinal),
    stillWaiting: guard(rules.stillWaiting),
    askedAnew: guard(rules.askedAnew),
    ofAnotherLaunch: guard(rules.ofAnotherLaunch),
    forsaken: guard(rules.forsaken),
  },
  actions: {
    beginStart: assign(noting(notes.beginStart)),
    startAgain: assign(noting(notes.startAgain)),
    clearAttempts: assign(noting(notes.clearAttempts)),
    markLive: assign(noting(notes.markLive)),
    markQueued: assign(noting(notes.markQueued)),
    noteDrift: assign(noting(notes.noteDrift)),
    clearDrift: assign(noting(notes.clearDrift)),
    beginStop: assign(noting(notes.beginStop)),
    askAgain: assign(noting(notes.askAgain)),
    clearStop: assign(noting(notes.clearStop)),
    recordExit: assign(noting(notes.recordExit)),
    countRetry: assign(noting(notes.countRetry)),
    countRestart: assign(noting(notes.countRestart)),
    finalize: assign(noting(notes.finalize)),
    rest: assign(noting(notes.rest)),
  },
});

/** It ended without being asked: by policy over, or tried again. */
const byPolicy = [
  { guard: 'endsWell', target: 'Succeeded', actions: ['recordExit', 'finalize'] },
  { guard: 'isFinal', target: 'Failed', actions: ['recordExit', 'finalize'] },
  { guard: 'retriesAtOnce', target: 'Starting', actions: ['recordExit', 'countRetry', 'beginStart'] },
  { target: 'Backoff', actions: ['recordExit', 'countRetry'] },
] as const;
/** It was made to leave because it was not well: the policy decides, as after a crash. */
const unwell = [
  { guard: 'leftUnwellForGood', target: 'Failed', actions: ['recordExit', 'clearStop', 'finalize'] },
  { guard: 'leftUnwell', target: 'Backoff', actions: ['recordExit', 'clearStop', 'countRetry'] },
] as const;
/** It was asked to leave and is still wanted: the new one starts at once, at nobody's cost, and is no restart (a new pod, to kubectl). */
const replaced = {
  guard: 'ours',
  target: 'Starting',
  actions: ['recordExit', 'clearStop', 'beginStart'],
} as const;
/** It ended by itself, in a moment in which it was to be replaced anyway. */
const again = ['recordExit', 'clearStop', 'clearAttempts', 'countRestart', 'beginStart'] as const;
const onEnd = [
  ...unwell,
  replaced,
  { guard: 'ofAnotherLaunch', target: 'Starting', actions: again },
  { guard: 'askedAnew', target: 'Starting', actions: again },
  ...byPolicy,
] as const;
const runs = { target: 'Running', actions: ['markLive', 'clearDrift'] } as const;
const anew = { guard: 'startedAnew', target: 'Starting', actions: ['clearAttempts', 'beginStart'] } as const;

/** Gaps that mean the same in every phase; a phase overrides what differs there. */
const everywhere = {
  unplaced: {},
  queued: { target: 'Queued', actions: ['markQueued'] },
  live: runs,
  drifted: { target: 'Running', actions: ['markLive', 'noteDrift'] },
  surplus: { target: 'Stopping', actions: ['beginStop'] },
  leaving: { target: 'Stopping', actions: ['askAgain'] },
  exited: onEnd,
  corpse: [
    { guard: 'ours', target: 'Stopped', actions: ['recordExit', 'rest'] },
    { target: 'Stopped', actions: ['rest'] },
  ],
  gone: { target: 'Stopped', actions: ['rest'] },
  stale: {},
} as const;

export const chart = machineSetup.createMachine({
  id: 'instance',
  context: ({ input }) => ({ memory: input }),
  initial: 'Pending',
  states: {
    Pending: {
      on: {
        ...everywhere,
        missing: { target: 'Starting', actions: ['beginStart'] },
      },
    },
    Queued: { on: { ...everywhere, missing: onEnd } },
    Starting: { on: { ...everywhere, missing: { target: 'Starting', actions: ['startAgain'] } } },
    Running: {
      on: {
        ...everywhere,
        missing: [{ guard: 'forsaken', target: 'Starting', actions: again }, ...onEnd],
        unplaced: { target: 'Pending', actions: ['recordExit'] },
      },
    },
    Stopping: {
      on: {
        ...everywhere,
        missing: [
          ...unwell,
          { guard: 'stillDone', target: 'Succeeded', actions: ['recordExit', 'clearStop'] },
          { guard: 'stillFinal', target: 'Failed', actions: ['recordExit', 'clearStop'] },
          { guard: 'stillWaiting', target: 'Backoff', actions: ['recordExit', 'clearStop'] },
          { target: 'Starting', actions: ['recordExit', 'clearStop', 'beginStart'] },
        ],
      },
    },
    Stopped: { on: { ...everywhere, missing: { target: 'Starting', actions: ['clearAttempts', 'beginStart'] } } },
    Backoff: {
      on: {
        ...everywhere,
        missing: [anew, { guard: 'due', target: 'Starting', actions: ['beginStart'] }],
      },
    },
    Succeeded: { on: { ...everywhere, missing: [anew] } },
    Failed: { on: { ...everywhere, missing: [anew] } },
  },
});

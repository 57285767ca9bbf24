/**
 * Owns: carrying out effects: which runtime, which transport, hooks around them, at most so many at once in a place.
 * Never: decides whether, or judges the outcome; an exception means "unknown what happened, look again".
 */
import type { Launch, Runtime } from '../../../adapters/runtimes/runtime.ts';
import type { Transport } from '../../../adapters/transport/transport.ts';
import { type HostName, type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import type { Effect } from '../../machine/snapshot.ts';
import {
  type DesiredInstance,
  type LaunchPlan,
  type PlaceKey,
  placeKey,
  type SessionPlan,
} from '../../plan/desired-instance.ts';
import type { Read, Typist } from './typist.ts';

export interface Hands {
  readonly runtime: Runtime;
  readonly transport: Transport;
}

/** Runs one hook; never throws, a failed hook is told to `report`. */
export type RunHook = (
  hook: string,
  context: { readonly agent: string; readonly point: string; readonly cwd?: string },
  transport: Transport,
) => Promise<void>;

export interface EffectRunnerOptions {
  readonly places: ReadonlyMap<PlaceKey, Hands>;
  readonly typist: Typist;
  /** How the screen of this instance reads; undefined: it is not wanted any more. */
  readonly reader: (id: InstanceId) => Read | undefined;
  readonly runHook: RunHook;
  /** Gives what is no part of the launch: it says nothing of what the agent is. */
  readonly beforeStart?: (desired: DesiredInstance, hands: Hands) => Promise<Pick<Launch, 'env' | 'hooks'>>;
  /** The file on that host whose age is the age of our lease there. */
  readonly leaseFile: (host: HostName) => string;
  /** Deploys files; throws RefusedFiles when that cannot be, TransportError when the place could not be asked. */
  readonly files?: {
    sync(desired: DesiredInstance, transport: Transport, starts: boolean): Promise<void>;
    leave(desired: DesiredInstance, transport: Transport): Promise<void>;
  };
  /** Checks whether an instance is well, in the background. */
  readonly checks?: { ask(effect: Extract<Effect, { type: 'check' }>, transport: Transport): void };
  /** Throws FencedError when this controller has been replaced: then nothing is touched. */
  readonly assertNotFenced: () => void;
  readonly concurrencyPerPlace: number;
  readonly observe?: (effect: Effect['type'], result: 'success' | 'error') => void;
}

type WorldEffect = Exclude<Effect, { type: 'release' }>;

export class EffectRunner {
  readonly #options: EffectRunnerOptions;
  readonly #gates = new Map<PlaceKey, Gate>();
  /** Incarnations whose hooks before leaving were run; forgotten with the instance's next start or its end. */
  readonly #toldToLeave = new Map<InstanceId, Instant>();

  constructor(options: EffectRunnerOptions) {
    this.#options = options;
  }

  /** Resolves when the effect was carried out as far as the place tells. Throws TransportError, RuntimeError or FencedError. */
  async run(effect: WorldEffect): Promise<void> {
    const key = placeKey(effect.place);
    const hands = this.#options.places.get(key);
    if (!hands) throw new Error(`${key} is not a place this controller knows`);
    await this.#gate(key).pass(async () => {
      this.#options.assertNotFenced();
      try {
        await this.#perform(effect, hands);
        this.#options.observe?.(effect.type, 'success');
      } catch (error) {
        this.#options.observe?.(effect.type, 'error');
        throw error;
      }
    });
  }

  /** Lets go of what was made for an instance that is deleted. Throws TransportError unless its deletion is forced. */
  async leave(desired: DesiredInstance): Promise<void> {
    const hands = desired.place && this.#options.places.get(placeKey(desired.place));
    if (!hands || desired.want !== 'gone') return;
    try {
      await this.#options.files?.leave(desired, hands.transport);
    } catch (error) {
      if (desired.graceMs > 0) throw error;
    }
  }

  async #perform(effect: WorldEffect, { runtime, transport }: Hands): Promise<void> {
    const agent = instanceNameOf(effect.id);
    const hooks = async (point: string, commands: readonly string[], cwd?: string) => {
      for (const hook of commands)
        await this.#options.runHook(hook, { agent, point, ...(cwd !== undefined && { cwd }) }, transport);
    };
    switch (effect.type) {
      case 'start': {
        const { launchHash, hooks: declared } = effect.desired;
        this.#toldToLeave.delete(effect.id);
        await this.#options.files?.sync(effect.desired, transport, true);
        await hooks('pre_start', declared.preStartUrls);
        const { env, ...more } = (await this.#options.beforeStart?.(effect.desired, { runtime, transport })) ?? {};
        const launch = { ...effect.desired.launch, ...more, env: { ...effect.desired.launch.env, ...env } };
        const order: Launch = {
          id: effect.id,
          incarnation: effect.incarnation,
          launchHash,
          ...withSession(launch, effect.desired.session, effect.session),
          ...(effect.desired.leaseMs !== undefined && {
            lease: { ms: effect.desired.leaseMs, file: this.#options.leaseFile(effect.place.host) },
          }),
        };
        await runtime.start(transport, order);
        await hooks('post_start', declared.postStartUrls);
        return;
      }
      case 'sync':
        return this.#options.files?.sync(effect.desired, transport, false);
      case 'term':
        // Asked again and again until it leaves, but told once; whoever asks after a crash tells again rather than never.
        if (this.#toldToLeave.get(effect.id) !== effect.incarnation) {
          await hooks('on_restart', effect.onRestart);
          await hooks('pre_stop', effect.preStop);
          this.#toldToLeave.set(effect.id, effect.incarnation);
        }
        return runtime.signal(transport, effect.id, effect.incarnation, 'term');
      case 'check':
        return this.#options.checks?.ask(effect, transport);
      case 'hook':
        return hooks(effect.point, effect.commands);
      case 'kill':
        return runtime.signal(transport, effect.id, effect.incarnation, 'kill');
      case 'answer':
      case 'submit': {
        const read = this.#options.reader(effect.id);
        if (!read) return;
        const target = { hands: { runtime, transport }, id: effect.id, incarnation: effect.incarnation, read };
        return effect.type === 'answer'
          ? this.#options.typist.answer(target, effect)
          : this.#options.typist.submit(target, effect);
      }
      case 'remove':
        this.#toldToLeave.delete(effect.id);
        await runtime.remove(transport, effect.id, effect.incarnation);
        return hooks('post_stop', effect.postStop);
    }
  }

  #gate(key: PlaceKey): Gate {
    const existing = this.#gates.get(key);
    if (existing) return existing;
    const gate = new Gate(this.#options.concurrencyPerPlace);
    this.#gates.set(key, gate);
    return gate;
  }
}

/** A conversation is looked for where the agent lives, or named here. */
function withSession(
  launch: LaunchPlan,
  session: SessionPlan | undefined,
  once: 'new' | 'continue' | undefined,
): LaunchPlan & Pick<Launch, 'session'> {
  const mode = once ?? session?.mode;
  switch (session && mode) {
    case 'continue':
    case 'continue-or-new':
      return session ? { ...launch, session: { ...session.lookup, required: mode === 'continue' } } : launch;
    case 'resume':
      return { ...launch, argv: [...launch.argv, ...(session?.resumeArgs ?? [])] };
    case 'new':
    case undefined:
      return launch;
  }
}

/** At most `limit` inside at once; the rest wait in order. Those waiting are bounded by the work queue's concurrency. */
class Gate {
  #inside = 0;
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  async pass<T>(run: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#limit) await new Promise<void>((enter) => this.#waiting.push(enter));
    else this.#inside++;
    try {
      return await run();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inside--;
    }
  }
}

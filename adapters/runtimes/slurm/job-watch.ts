/**
 * Owns: hints that a job began or ended: names its script appends to a file on the shared file system, and looks now and then
 * while jobs are there, for what no script lives to tell (a failed node, a cancelled job that waited).
 * Never: concludes anything: a hint only says "look".
 */
import type { FleetId, InstanceId } from '../../../api/resources/names.ts';
import type { DurationMs } from '../../../api/resources/time.ts';
import type { Conversation, Transport } from '../../transport/transport.ts';
import type { Listing } from './listing.ts';
import { WATCH } from './scripts.ts';

/** A lost watch is taken up again after this. */
const WATCH_AGAIN_MS: DurationMs = 1_000;
/** One squeue in this time, and only while jobs are there. */
const LOOK_MS: DurationMs = 15_000;
const UNSETTLED_MS: DurationMs = 1_000;

type OnHint = (id: InstanceId | 'all') => void;

export class JobWatch implements Disposable {
  readonly #transport: Transport;
  readonly #fleet: FleetId;
  readonly #root: string;
  readonly #open = new Set<Disposable>();
  readonly #listeners = new Set<OnHint>();
  readonly #soon = new Map<InstanceId, NodeJS.Timeout>();
  #later: NodeJS.Timeout | undefined;

  constructor(transport: Transport, fleet: FleetId, root: string) {
    this.#transport = transport;
    this.#fleet = fleet;
    this.#root = root;
  }

  open(onHint: OnHint): Disposable {
    let closed = false;
    let timer: NodeJS.Timeout | undefined;
    let conversation: Conversation | undefined;
    const listen = () => {
      conversation = this.#transport.converse(['sh', '-c', WATCH, 'sac-watch', this.#root], (line) => {
        // `*`: listening begins; what happened before was not heard.
        onHint(line === '*' ? 'all' : (`${this.#fleet}.${line}` as InstanceId));
      });
      void conversation.closed.then(() => {
        if (!closed) timer = setTimeout(listen, WATCH_AGAIN_MS).unref();
      });
    };
    listen();
    this.#listeners.add(onHint);
    const watch = {
      [Symbol.dispose]: () => {
        closed = true;
        clearTimeout(timer);
        conversation?.[Symbol.dispose]();
        this.#listeners.delete(onHint);
        this.#open.delete(watch);
      },
    };
    this.#open.add(watch);
    return watch;
  }

  /** What a look told: what is about to change is looked at again soon, the rest now and then. */
  saw({ sightings, unsettled }: Listing): void {
    for (const id of unsettled) {
      if (this.#soon.has(id)) continue;
      const timer = setTimeout(() => {
        this.#soon.delete(id);
        for (const onHint of this.#listeners) onHint(id);
      }, UNSETTLED_MS).unref();
      this.#soon.set(id, timer);
    }
    if (this.#later !== undefined || !sightings.some(({ state }) => state !== 'exited')) return;
    this.#later = setTimeout(() => {
      this.#later = undefined;
      for (const onHint of this.#listeners) onHint('all');
    }, LOOK_MS).unref();
  }

  [Symbol.dispose](): void {
    for (const watch of this.#open) watch[Symbol.dispose]();
    for (const timer of this.#soon.values()) clearTimeout(timer);
    clearTimeout(this.#later);
    this.#later = undefined;
  }
}

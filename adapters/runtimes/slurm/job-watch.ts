/**
 * Owns: hints that a job began or ended: names its script appends to a file on the shared file system, and looks now and then
 * while jobs are there, for what no script lives to tell (a failed node, a cancelled job that waited).
 * Never: concludes anything: a hint only says "look".
 */
import type { FleetId, InstanceId } from '../../../api/resources/names.ts';
import type { DurationMs } from '../../../api/resources/time.ts';
import type { Conversation, Transport } from '../../transport/transport.ts';
import { whileHeard } from '../../transport/while-heard.ts';
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
  readonly #listeners = new Set<OnHint>();
  readonly #soon = new Map<InstanceId, NodeJS.Timeout>();
  #conversation: Conversation | undefined;
  #again: NodeJS.Timeout | undefined;
  #later: NodeJS.Timeout | undefined;
  #used = false;

  constructor(transport: Transport, fleet: FleetId, root: string) {
    this.#transport = transport;
    this.#fleet = fleet;
    this.#root = root;
  }

  open(onHint: OnHint): Disposable {
    // A listener of its own, so that the same function may listen twice.
    const listener: OnHint = (id) => onHint(id);
    this.#listeners.add(listener);
    if (this.#used) this.#listen();
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener);
        if (this.#listeners.size === 0) this.#close();
      },
    };
  }

  /** There are jobs, or soon will be. Before that there is nothing to hear of, and nothing is listened to. */
  begin(): void {
    this.#used = true;
    if (this.#listeners.size > 0) this.#listen();
  }

  #listen(): void {
    if (this.#conversation !== undefined) return;
    const conversation = this.#transport.converse(whileHeard(['sh', '-c', WATCH, 'sac-watch', this.#root]), (line) =>
      // `*`: listening begins; what happened before was not heard.
      this.#tell(line === '*' ? 'all' : (`${this.#fleet}.${line}` as InstanceId)),
    );
    this.#conversation = conversation;
    void conversation.closed.then(() => {
      if (this.#conversation !== conversation) return;
      this.#again = setTimeout(() => {
        this.#conversation = undefined;
        this.#listen();
      }, WATCH_AGAIN_MS).unref();
    });
  }

  #tell(id: InstanceId | 'all'): void {
    for (const onHint of this.#listeners) onHint(id);
  }

  #close(): void {
    const conversation = this.#conversation;
    this.#conversation = undefined;
    clearTimeout(this.#again);
    conversation?.[Symbol.dispose]();
  }

  /** What a look told: what is about to change is looked at again soon, the rest now and then. */
  saw({ sightings, unsettled }: Listing): void {
    for (const id of unsettled) {
      if (this.#soon.has(id)) continue;
      const timer = setTimeout(() => {
        this.#soon.delete(id);
        this.#tell(id);
      }, UNSETTLED_MS).unref();
      this.#soon.set(id, timer);
    }
    if (this.#later !== undefined || !sightings.some(({ state }) => state !== 'exited')) return;
    this.#later = setTimeout(() => {
      this.#later = undefined;
      this.#tell('all');
    }, LOOK_MS).unref();
  }

  [Symbol.dispose](): void {
    this.#listeners.clear();
    this.#close();
    for (const timer of this.#soon.values()) clearTimeout(timer);
    clearTimeout(this.#later);
    this.#later = undefined;
  }
}

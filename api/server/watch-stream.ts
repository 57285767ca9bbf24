/**
 * Owns: one watcher's stream: what it asked for, from where, one JSON line an event.
 * Never: waits for a slow reader: one that is too far behind, or takes nothing for a whole bookmark interval, is let go and
 * resumes by itself. What waits for it are references to resources that are in memory anyway.
 */
import type { Writable } from 'node:stream';
import type { AnyResource, Plural, WatchEvent } from '../protocol.ts';
import { GoneError } from '../resources/errors.ts';
import type { ResourceEvent, ResourceReads } from './ports.ts';

export interface WatchRequest {
  readonly plural: Plural;
  /** Undefined: begin with everything there is. */
  readonly since: number | undefined;
  /** Undefined: everything. */
  readonly selects: ((resource: AnyResource) => boolean) | undefined;
}

export interface WatchLimits {
  /** Events that may wait for one reader. */
  readonly maxWaiting: number;
  readonly bookmarkMs: number;
}

const KIND_OF: Readonly<Record<Plural, string>> = {
  agents: 'Agent',
  instances: 'Instance',
  events: 'Event',
  hosts: 'Host',
  gitsources: 'GitSource',
  budgets: 'Budget',
  reservations: 'Reservation',
  notifiers: 'Notifier',
};

/** Throws GoneError before `begin` is called when `since` is no longer kept. Returns how to end it. */
export function streamWatch(
  reads: ResourceReads,
  { plural, since, selects }: WatchRequest,
  begin: () => Writable,
  limits: WatchLimits,
  json: (resource: AnyResource) => string,
): () => void {
  const from = since ?? reads.version;
  if (from > reads.version)
    throw new GoneError(`version ${from} was never given out (newest: ${reads.version}); list again`);
  const before =
    since === undefined || selects ? reads.list(plural).filter((resource) => selects?.(resource) ?? true) : [];
  const replayed: ResourceEvent[] = [];
  let deliver = (event: ResourceEvent) => void replayed.push(event);
  const subscription = reads.watch(from, (event) => {
    if (event.object.kind === KIND_OF[plural]) deliver(event);
  });

  const lines = new LineQueue(begin(), limits.maxWaiting);
  const typeFor = selects ? membership(selects, before, replayed) : ({ type }: ResourceEvent) => type;
  const linesFor = (event: ResourceEvent): readonly Line[] => {
    const type = typeFor(event);
    return type ? [() => lineOf(type, event.resourceVersion, JSON.stringify(event.object))] : [];
  };
  deliver = (event) => {
    for (const line of linesFor(event)) lines.push(line);
  };
  // From nowhere: what there is. From a version: what is kept since then, be it more than may wait for a reader.
  if (since === undefined) {
    lines.backlog(before.map((object) => () => lineOf('ADDED', object.metadata.resourceVersion, json(object))));
    lines.push(() => lineOf('BOOKMARK', from));
  } else lines.backlog(replayed.flatMap(linesFor));

  const bookmarks = setInterval(() => {
    lines.dropIfStuck();
    lines.push(() => lineOf('BOOKMARK', reads.version));
  }, limits.bookmarkMs).unref();
  return () => {
    clearInterval(bookmarks);
    subscription[Symbol.dispose]();
    lines.end();
  };
}

type Told = WatchEvent<AnyResource>['type'];
const lineOf = (type: Told, resourceVersion: number, object?: string): string =>
  `{"type":"${type}","resourceVersion":${resourceVersion}${object === undefined ? '' : `,"object":${object}`}}\n`;

/**
 * What an event means to somebody who sees only what is selected: what leaves the selection is deleted, what enters is added.
 * `now` is selected after `replayed`: of an object that changed in between it is not known whether it was selected before. Then
 * it is told as added, or as deleted, which is right for whoever had it and for whoever had not.
 */
function membership(
  selects: (resource: AnyResource) => boolean,
  now: readonly AnyResource[],
  replayed: readonly ResourceEvent[],
): (event: ResourceEvent) => ResourceEvent['type'] | undefined {
  const unsure = new Set(replayed.map(({ object }) => object.metadata.name));
  const held = new Set(now.map(({ metadata }) => metadata.name).filter((name) => !unsure.has(name)));
  return ({ type, object }) => {
    const { name } = object.metadata;
    const matches = selects(object);
    // A deletion shows the object as it was last.
    const maybeHeld = unsure.delete(name) && (type === 'DELETED' ? matches : type === 'MODIFIED' && !matches);
    const had = held.delete(name) || maybeHeld;
    if (type === 'DELETED' || !matches) return had ? 'DELETED' : undefined;
    held.add(name);
    return had ? 'MODIFIED' : 'ADDED';
  };
}

type Line = () => string;
const CHUNK = 64 * 1024;

/** Lines that are written as fast as the reader takes them, and made only then. */
class LineQueue {
  readonly #out: Writable;
  readonly #max: number;
  #backlog: readonly Line[] = [];
  #sent = 0;
  #waiting: Line[] = [];
  #scheduled = false;
  #blocked = false;
  #stuck = false;

  constructor(out: Writable, max: number) {
    this.#out = out;
    this.#max = max;
    out.on('drain', () => {
      this.#blocked = false;
      this.#stuck = false;
      this.#write();
    });
  }

  /** Goes before all that is pushed, and is not counted: it is there anyway. */
  backlog(lines: readonly Line[]): void {
    this.#backlog = lines;
    this.#schedule();
  }

  push(line: Line): void {
    if (this.#out.destroyed) return;
    if (this.#waiting.push(line) > this.#max) this.#out.destroy();
    else this.#schedule();
  }

  /** Nothing was taken since the last call although something waits: the reader is gone in all but name. */
  dropIfStuck(): void {
    if (this.#stuck) this.#out.destroy();
    this.#stuck = this.#blocked;
  }

  end(): void {
    if (!this.#out.writableEnded) this.#out.end();
    this.#backlog = [];
    this.#waiting = [];
  }

  /** What one commit told is written at once. */
  #schedule(): void {
    if (this.#scheduled || this.#blocked) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#write();
    });
  }

  #write(): void {
    while (!this.#blocked && !this.#out.destroyed && !this.#out.writableEnded) {
      let text = '';
      for (; text.length < CHUNK && this.#sent < this.#backlog.length; this.#sent++)
        text += this.#backlog[this.#sent]?.();
      let taken = 0;
      for (; text.length < CHUNK && taken < this.#waiting.length; taken++) text += this.#waiting[taken]?.();
      if (text === '') return;
      if (this.#sent === this.#backlog.length) {
        this.#backlog = [];
        this.#sent = 0;
      }
      this.#waiting.splice(0, taken);
      this.#blocked = !this.#out.write(text);
    }
  }
}

/**
 * Owns: one watcher's stream: what it asked for, from where, one JSON line an event.
 * Never: keeps more than `maxBuffered` bytes for a slow reader: it is let go and resumes by itself.
 */
import type { Writable } from 'node:stream';
import type { AnyResource, Plural, WatchEvent } from '../protocol.ts';
import type { ResourceEvent, ResourceReads } from './ports.ts';

export interface WatchRequest {
  readonly plural: Plural;
  /** Undefined: begin with everything there is. */
  readonly since: number | undefined;
  readonly selects: (resource: AnyResource) => boolean;
}

export interface WatchLimits {
  readonly maxBuffered: number;
  readonly bookmarkMs: number;
}

const KIND_OF: Readonly<Record<Plural, string>> = {
  agents: 'Agent',
  instances: 'Instance',
  events: 'Event',
  hosts: 'Host',
};

/** Throws GoneError before anything is written when `since` is no longer kept. Ends the stream when the reader is too slow. */
export function streamWatch(
  reads: ResourceReads,
  { plural, since, selects }: WatchRequest,
  out: Writable,
  limits: WatchLimits,
): Disposable {
  /** What this watcher holds, so that an object that leaves the selector is told as deleted. */
  const held = new Set<string>();
  const initial = since === undefined ? reads.list(plural).filter(selects) : [];
  const from = since ?? reads.version;
  if (since !== undefined)
    for (const resource of reads.list(plural)) if (selects(resource)) held.add(resource.metadata.name);

  let backlog: ResourceEvent[] | undefined = [];
  const send = (event: WatchEvent<AnyResource>) => {
    out.write(`${JSON.stringify(event)}\n`);
    if (out.writableLength > limits.maxBuffered) out.destroy();
  };
  const deliver = ({ type, resourceVersion, object }: ResourceEvent) => {
    if (object.kind !== KIND_OF[plural]) return;
    const { name } = object.metadata;
    const wanted = type !== 'DELETED' && selects(object);
    if (wanted) {
      const had = held.has(name);
      held.add(name);
      send({ type: had || type === 'MODIFIED' ? (had ? 'MODIFIED' : 'ADDED') : 'ADDED', resourceVersion, object });
    } else if (held.delete(name) || (type === 'DELETED' && selects(object)))
      send({ type: 'DELETED', resourceVersion, object });
  };
  const subscription = reads.watch(from, (event) => (backlog ? backlog.push(event) : deliver(event)));
  for (const object of initial) {
    held.add(object.metadata.name);
    send({ type: 'ADDED', resourceVersion: object.metadata.resourceVersion, object });
  }
  if (since === undefined) send({ type: 'BOOKMARK', resourceVersion: from });
  const waiting = backlog;
  backlog = undefined;
  for (const event of waiting) deliver(event);

  const bookmarks = setInterval(
    () => send({ type: 'BOOKMARK', resourceVersion: reads.version }),
    limits.bookmarkMs,
  ).unref();
  const close = () => {
    clearInterval(bookmarks);
    subscription[Symbol.dispose]();
  };
  out.on('close', close);
  return {
    [Symbol.dispose]() {
      close();
      out.end();
    },
  };
}

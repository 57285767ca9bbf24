/**
 * Owns: deaths as the engine tells them, as hints.
 * Never: starts listening where the fleet has nothing: most machines with an engine have no agents in it.
 */
import type { InstanceId } from '../../../api/resources/names.ts';
import type { Conversation, Transport } from '../../transport/transport.ts';
import { whileHeard } from '../../transport/while-heard.ts';
import type { RuntimeContext } from '../runtime.ts';
import type { Containers } from './containers.ts';
import type { Engine } from './engine.ts';
import { idOfName, LABEL } from './listing.ts';

/** A lost source is taken up again after this, and ever later while that fails. */
const AGAIN_MS = 1_000;
const AGAIN_MAX_MS = 4_000;
/** One that listens for so long is connected: what happened before was perhaps not heard. */
const SETTLED_MS = 500;
/** Deaths of the last moments are told too: the client takes a while to connect. By the place's own clock. */
const LOOK_BACK = '5s';

export function watchDeaths({
  transport,
  engine,
  context,
  containers,
  onHint,
}: {
  readonly transport: Transport;
  readonly engine: Engine;
  readonly context: RuntimeContext;
  readonly containers: Containers;
  readonly onHint: (id: InstanceId | 'all') => void;
}): Disposable {
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let conversation: Conversation | undefined;
  let failures = 0;
  const argv = [
    ...[engine.program, 'events', '--filter', 'type=container', '--filter', `label=${LABEL.fleet}=${context.fleet}`],
    ...['--filter', `event=${engine.deathEvent}`, '--since', LOOK_BACK, '--format', engine.eventFormat],
  ];
  const open = () => {
    if (closed) return;
    conversation = transport.converse(whileHeard(argv), (line) => {
      const id = idOfName(line.trim(), context.fleet);
      if (id) onHint(id);
    });
    let settled = false;
    timer = setTimeout(() => {
      settled = true;
      failures = 0;
      onHint('all');
    }, SETTLED_MS).unref();
    void conversation.closed.then(() => {
      clearTimeout(timer);
      if (closed) return;
      timer = setTimeout(open, Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** failures++)).unref();
      // The engine may be gone: that is to be seen now. While it is, looking again is the view's business.
      if (settled) onHint('all');
    });
  };
  void containers.inUse.then(open);
  return {
    [Symbol.dispose]() {
      closed = true;
      clearTimeout(timer);
      conversation?.[Symbol.dispose]();
    },
  };
}

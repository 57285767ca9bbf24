/**
 * Owns: `sac events`.
 * Never: changes anything.
 */
import { EXIT } from '../../../api/resources/errors.ts';
import type { EventObject } from '../../../api/resources/event.ts';
import { parseResources } from '../../client/resources.ts';
import { createPrinter } from '../../output/print.ts';
import { flag, type Run, text } from '../../verb.ts';

export const run: Run = async (_args, options, context) => {
  const of = text(options, 'for');
  const [named] = of === undefined ? [] : parseResources([of], 'agents');
  const wanted = ({ regarding }: EventObject): boolean => {
    if (!named) return true;
    const names = named.plural === 'instances' ? [regarding.instance] : [regarding.name];
    return named.names.some((name) => names.includes(name));
  };
  const printer = createPrinter({
    format: text(options, 'output'),
    showLabels: false,
    headers: true,
    now: Date.now,
    terminal: context.out.isTerminal,
    streaming: flag(options, 'watch'),
  });
  const client = await context.client();
  const list = await client.list('events');
  const items = list.items
    .filter(wanted)
    .sort((a, b) => (a.lastSeen < b.lastSeen ? -1 : a.lastSeen > b.lastSeen ? 1 : 0));
  if (items.length === 0 && !flag(options, 'watch') && text(options, 'output') === undefined)
    context.err.write('No events found.\n');
  else context.out.write(await printer.print('events', items, false));
  if (!flag(options, 'watch')) return EXIT.done;
  for await (const { object, type } of client.watch('events', {
    since: list.metadata.resourceVersion,
    signal: context.signal,
  })) {
    if (object && type !== 'DELETED' && wanted(object))
      context.out.write(await printer.print('events', [object], true));
  }
  return EXIT.done;
};

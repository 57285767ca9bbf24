/**
 * Owns: `sac list` and `sac status`.
 * Never: changes anything.
 */
import { EXIT } from '../../../api/resources/errors.ts';
import { oneLine } from '../../output/terminal.ts';
import { agentNames } from '../../resources.ts';
import { flag, type Options, type Run, text } from '../../verb.ts';
import { summarize } from './summary.ts';

const NEWEST_EVENTS = 5;

export const run: Run = async (args, options, context) => {
  const asked: Options = flag(options, 'json') ? { ...options, output: 'json' } : options;
  const names = args.length > 0 ? agentNames(args) : [];
  const [name] = names;
  if (
    text(options, 'verb') === 'list' ||
    name === undefined ||
    names.length > 1 ||
    text(asked, 'output') !== undefined
  ) {
    const { run: get } = await import('../resources/get.ts');
    return get(['agents', ...names], asked, context);
  }
  const client = await context.client();
  const agent = await client.get('agents', name);
  const events = (await client.list('events')).items
    .filter(({ regarding }) => regarding.kind === 'Agent' && regarding.name === name)
    .sort((a, b) => (a.lastSeen < b.lastSeen ? -1 : 1))
    .slice(-NEWEST_EVENTS);
  const happened = events.map(
    ({ lastSeen, reason, count, message }) =>
      `  ${lastSeen} ${reason}${count > 1 ? ` (x${count})` : ''}: ${oneLine(message)}\n`,
  );
  context.out.write(
    `${summarize(agent, Date.now())}${happened.length > 0 ? `Latest events:\n${happened.join('')}` : ''}`,
  );
  return EXIT.done;
};

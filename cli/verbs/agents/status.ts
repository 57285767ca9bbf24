/**
 * Owns: `sac list` and `sac status`.
 * Never: changes anything.
 */
import { EXIT, NotFoundError } from '../../../api/resources/errors.ts';
import { redactSpec } from '../../../api/resources/redact.ts';
import { agentNames } from '../../client/resources.ts';
import { escapeControls, oneLine } from '../../output/terminal.ts';
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
    (text(asked, 'output') !== undefined && text(asked, 'output') !== 'json')
  ) {
    const { run: get } = await import('../resources/get.ts');
    return get(['agents', ...names], asked, context);
  }
  const client = await context.client();
  const agent = await client.get('agents', name);
  if (text(asked, 'output') === 'json') {
    // What is known of it at work stands beside what it is; an agent that never ran has nothing of it yet.
    const rich = await client.rich(name).catch((error: unknown) => {
      if (error instanceof NotFoundError) return {};
      throw error;
    });
    context.out.write(
      `${escapeControls(JSON.stringify({ ...agent, spec: redactSpec(agent.spec), ...rich }, undefined, 2))}\n`,
    );
    return EXIT.done;
  }
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

/**
 * Owns: `sac rollout status`: how far a change is, until it is through, halted, or the time is over.
 * Never: changes anything.
 */
import type { Agent, RolloutStatus } from '../../../api/resources/agent/agent.ts';
import { EXIT, type ExitCode } from '../../../api/resources/errors.ts';
import { selectAgents } from '../../client/selection.ts';
import { parseDuration } from '../../durations.ts';
import { oneLine } from '../../output/terminal.ts';
import { type Run, text } from '../../verb.ts';

const DEFAULT_WAIT_MS = 3_600_000;

export const run: Run = async (args, options, context) => {
  const client = await context.client();
  const names = await selectAgents(client, args, options, 'rollout status');
  const agents = await Promise.all(names.map((name) => client.get('agents', name)));
  const open = new Map<string, string>();
  let worst: ExitCode = EXIT.done;
  const look = (agent: Agent): void => {
    const { name } = agent.metadata;
    const line = `agent/${name} ${oneLine(tell(agent.status.rollout))}\n`;
    if (open.get(name) !== line) context.out.write(line);
    open.set(name, line);
    const state = agent.status.rollout?.state ?? 'Complete';
    if (state === 'Complete') open.delete(name);
    if (state === 'Halted') {
      open.delete(name);
      worst = EXIT.impossible;
    }
  };
  for (const agent of agents) look(agent);
  if (options['watch'] === false || open.size === 0) return worst;
  const given = text(options, 'timeout');
  const timer = AbortSignal.timeout(given === undefined ? DEFAULT_WAIT_MS : parseDuration(given, '--timeout'));
  for await (const { type, object } of client.watch('agents', { signal: AbortSignal.any([timer, context.signal]) })) {
    if (!object || !open.has(object.metadata.name)) continue;
    if (type === 'DELETED') {
      context.err.write(`agent/${object.metadata.name} was deleted\n`);
      open.delete(object.metadata.name);
      worst = EXIT.notFound;
    } else look(object);
    if (open.size === 0) return worst;
  }
  return EXIT.timedOut;
};

const tell = (rollout: RolloutStatus | undefined): string =>
  rollout ? `${rollout.state}: ${rollout.message}` : 'Complete: it has had no change yet.';

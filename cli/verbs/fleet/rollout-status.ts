/**
 * Owns: `sac rollout status`: how far a change is, until it is through, halted, or the time is over.
 * Never: changes anything.
 */
import type { Client } from '../../../api/client.ts';
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
  const look = async (agent: Agent): Promise<void> => {
    const { name } = agent.metadata;
    const line = `agent/${name} ${oneLine(tell(agent.status.rollout))}\n`;
    if (open.get(name) !== line) context.out.write(line);
    open.set(name, line);
    const state = agent.status.rollout?.state ?? 'Complete';
    if (state === 'Complete') {
      open.delete(name);
      const undone = await undoneByItself(client, agent);
      if (undone === undefined) return;
      context.err.write(
        `agent/${name} was not changed: revision ${undone} did not become ready, or not for long, and was undone; \`sac events --for agent/${name}\` tells why\n`,
      );
      worst = EXIT.impossible;
    }
    if (state === 'Halted') {
      open.delete(name);
      worst = EXIT.impossible;
    }
  };
  for (const agent of agents) await look(agent);
  if (options['watch'] === false || open.size === 0) return worst;
  const given = text(options, 'timeout');
  const timer = AbortSignal.timeout(given === undefined ? DEFAULT_WAIT_MS : parseDuration(given, '--timeout'));
  for await (const { type, object } of client.watch('agents', { signal: AbortSignal.any([timer, context.signal]) })) {
    if (!object || !open.has(object.metadata.name)) continue;
    if (type === 'DELETED') {
      context.err.write(`agent/${object.metadata.name} was deleted\n`);
      open.delete(object.metadata.name);
      worst = EXIT.notFound;
    } else await look(object);
    if (open.size === 0) return worst;
  }
  return EXIT.timedOut;
};

/** Who puts back what did not become ready, in the history of revisions. */
const ITSELF = 'sac';

/** The revision that is declared and that `onFailure: undo` put back: whoever waits for it waits for something that has failed. */
async function undoneByItself(client: Client, { metadata, status }: Agent): Promise<number | undefined> {
  if ((status.rollout?.revision ?? 1) === 1) return undefined;
  const newest = (await client.revisions(metadata.name)).at(-1);
  const undone = newest?.by === ITSELF ? /^undo of (\d+)$/.exec(newest.cause)?.[1] : undefined;
  return undone === undefined ? undefined : Number(undone);
}

const tell = (rollout: RolloutStatus | undefined): string =>
  rollout ? `${rollout.state}: ${rollout.message}` : 'Complete: it has had no change yet.';

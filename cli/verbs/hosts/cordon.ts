/**
 * Owns: `sac cordon`, `uncordon` and `drain`.
 * Never: touches an agent; the controller moves what may move.
 */
import type { Client } from '../../../api/client.ts';
import type { Agent } from '../../../api/resources/agent/agent.ts';
import { EXIT, NotFoundError, TimedOutError } from '../../../api/resources/errors.ts';
import { durationMs } from '../../../api/resources/time.ts';
import { parseResources } from '../../client/resources.ts';
import { oneLine } from '../../output/terminal.ts';
import { flag, type Run, text } from '../../verb.ts';

const CHANGES = {
  cordon: { spec: { cordoned: true }, told: 'cordoned' },
  uncordon: { spec: { cordoned: false, drain: false }, told: 'uncordoned' },
  drain: { spec: { cordoned: true, drain: true }, told: 'draining' },
} as const;
const LOOK_MS = 300;

export const run: Run = async (args, options, context) => {
  const verb = text(options, 'verb');
  const change = CHANGES[verb === 'drain' || verb === 'uncordon' ? verb : 'cordon'];
  const { told } = change;
  const spec = verb === 'drain' && flag(options, 'force') ? { ...change.spec, drain: 'now' } : change.spec;
  const names = parseResources(args, 'hosts').flatMap((named) => named.names);
  const client = await context.client();
  for (const name of names) {
    if (name === 'local')
      throw new NotFoundError('this machine is always there and takes agents; only declared hosts are cordoned');
    await client.patchObject('hosts', name, { spec });
    context.out.write(`host/${name} ${told}\n`);
  }
  if (verb !== 'drain' || !flag(options, 'wait')) return EXIT.done;
  const end = Date.now() + durationMs(text(options, 'timeout') ?? '10m');
  for (const name of names) {
    const bound = await emptied(client, name, end);
    const stay = bound.length > 0 ? `; what is declared for it alone stays: ${bound.join(', ')}` : '';
    context.out.write(`host/${oneLine(name)} drained${oneLine(stay)}\n`);
  }
  return EXIT.done;
};

/** Resolves with the names of what lives there and is declared for this host alone, when nothing else does. */
async function emptied(client: Client, name: string, end: number): Promise<readonly string[]> {
  for (;;) {
    const [instances, agents] = await Promise.all([client.list('instances'), client.list('agents')]);
    const boundAgents = new Set(agents.items.filter(isBound).map(({ metadata }) => metadata.name));
    const living = instances.items
      .filter(({ status }) => status.host === name && status.pid !== undefined)
      .map(({ metadata, spec }) => ({ name: metadata.name, bound: boundAgents.has(spec.agent) }));
    const moving = living.filter(({ bound }) => !bound);
    if (moving.length === 0) return living.map((one) => one.name);
    if (Date.now() > end)
      throw new TimedOutError(
        `host "${name}" still has ${moving.map((one) => one.name).join(', ')}; what is busy stays until it is idle (--force does not wait), what no other host takes stays`,
      );
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
}

/** Declared for one host, or for each of several: there is no other that it could go to. */
const isBound = ({ spec: { place } }: Agent): boolean =>
  place.hosts !== undefined ||
  (place.hostSelector === undefined && (!Array.isArray(place.host) || place.host.length < 2));

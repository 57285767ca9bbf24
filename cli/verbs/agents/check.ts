/**
 * Owns: `sac check`: is this manifest, or this agent, fit to run?
 * Never: changes anything.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { AgentSpec } from '../../../api/resources/agent/agent.ts';
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import type { Host } from '../../../api/resources/kinds/host.ts';
import { LOCAL_HOST } from '../../../api/resources/names.ts';
import { agentNames } from '../../client/resources.ts';
import { readFiles, tellProblems, tellWarnings } from '../../manifest-files.ts';
import { oneLine } from '../../output/terminal.ts';
import type { Context, Options, Run } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const [what, ...more] = args;
  if (what === undefined || (more.length > 0 && agentNames(args).length !== 1))
    throw new BadRequestError('say what to check: one manifest or one agent');
  if (more.length === 0 && (what === '-' || existsSync(resolve(context.cwd, what))))
    return checkFile(what, options, context);
  if (/\.(?:ya?ml|json)$/.test(what)) throw new BadRequestError(`${what} does not exist`);
  const [name = what] = agentNames(args);
  return checkAgent(name, context);
};

async function checkFile(path: string, options: Options, context: Context): Promise<number> {
  const { documents, problems } = await readFiles(options, context, [path]);
  tellProblems(context, problems);
  tellWarnings(context, documents);
  let code: number = problems.length > 0 ? EXIT.usage : EXIT.done;
  if (documents.length === 0) return code;
  const { items: hosts } = await (await context.client()).list('hosts');
  for (const { name, parsed, origin } of documents) {
    const { takers, obstacle } = placement(parsed.spec, hosts);
    if (obstacle === undefined) context.out.write(`agent/${name} valid, can run on ${takers.join(', ')}\n`);
    else {
      tellProblems(context, [`${origin} agent/${name} is valid, but cannot be placed: ${obstacle}`]);
      code = code === EXIT.done ? EXIT.failed : code;
    }
  }
  return code;
}

async function checkAgent(name: string, context: Context): Promise<number> {
  const client = await context.client();
  const [{ spec, status }, { items: hosts }] = await Promise.all([client.get('agents', name), client.list('hosts')]);
  const bad = status.conditions.filter(
    ({ type, status: is }) => (type === 'Ready' || type === 'Placed' || type === 'HostReachable') && is !== 'True',
  );
  const { obstacle } = placement(spec, hosts);
  const lines = [
    `agent/${name} ${status.phase}, ${status.readyInstances} of ${status.desiredInstances} ready`,
    ...bad.map(({ type, reason, message }) => `  ${type} is not true: ${reason}: ${message}`),
    ...(obstacle === undefined ? [] : [`  cannot be placed: ${obstacle}`]),
  ];
  context.out.write(lines.map((line) => `${oneLine(line)}\n`).join(''));
  return status.ready && obstacle === undefined ? EXIT.done : EXIT.failed;
}

interface Placement {
  readonly takers: readonly string[];
  /** Why it cannot run as declared. */
  readonly obstacle?: string;
}

/** `host` is a choice: one that can take it is enough. `hosts` means each of them. */
export function placement({ place: { host, hosts: each, runtime } }: AgentSpec, hosts: readonly Host[]): Placement {
  const wanted =
    each === 'all'
      ? hosts.map(({ metadata }) => metadata.name)
      : (each ?? (host === undefined ? [LOCAL_HOST] : [host].flat()));
  const judged = wanted.map((name) => ({
    name,
    why: whyNot(
      name,
      hosts.find(({ metadata }) => metadata.name === name),
      runtime,
    ),
  }));
  const takers = judged.flatMap(({ name, why }) => (why === undefined ? [name] : []));
  const refusals = judged.flatMap(({ why }) => (why === undefined ? [] : [why]));
  const fits = each === undefined ? takers.length > 0 : refusals.length === 0 && takers.length > 0;
  return fits
    ? { takers }
    : { takers, obstacle: `${refusals.join('; ') || 'there is no host'} (\`sac get hosts -o wide\` shows all)` };
}

function whyNot(name: string, host: Host | undefined, runtime: AgentSpec['place']['runtime']): string | undefined {
  if (host === undefined) return `there is no host "${name}"`;
  const { places } = host.status;
  if (runtime === 'auto')
    return places.some(({ available }) => available) ? undefined : `host ${name} has no runtime that works`;
  const place = places.find((one) => one.runtime === runtime);
  if (place === undefined) return `host ${name} has no runtime ${runtime}`;
  return place.available ? undefined : `runtime ${runtime} on host ${name}: ${place.detail}`;
}

/**
 * Owns: `sac check`: is this manifest, or this agent, fit to run?
 * Never: changes anything.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { readFiles, tellProblems, tellWarnings } from '../../manifest-files.ts';
import { agentNames } from '../../resources.ts';
import type { Context, Options, Run } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const [what] = args;
  if (what === undefined) throw new BadRequestError('say what to check: a manifest or an agent');
  return existsSync(resolve(context.cwd, what)) ? checkFile(what, options, context) : checkAgent(what, context);
};

async function checkFile(path: string, options: Options, context: Context): Promise<number> {
  const { documents, problems } = await readFiles(options, context, [path]);
  tellProblems(context, problems);
  tellWarnings(context, documents);
  const client = await context.client();
  const { items: hosts } = await client.list('hosts');
  let code: number = problems.length > 0 ? EXIT.usage : EXIT.done;
  for (const { name, parsed, origin } of documents) {
    const { host, hosts: several, runtime } = parsed.spec.place;
    const wanted =
      several === 'all'
        ? hosts.map(({ metadata }) => metadata.name)
        : (several ?? (host === undefined ? ['local'] : [host].flat()));
    const fits = wanted.filter((one) =>
      hosts.some(
        ({ metadata, status }) =>
          metadata.name === one &&
          status.places.some((place) => place.available && (runtime === 'auto' || place.runtime === runtime)),
      ),
    );
    if (fits.length > 0) context.out.write(`agent/${name} valid, can run on ${fits.join(', ')}\n`);
    else {
      context.err.write(
        `sac: ${origin} agent/${name} is valid, but no host can take it: wanted ${wanted.join(', ')} with runtime ${runtime}; \`sac get hosts -o wide\` says what there is\n`,
      );
      code = EXIT.failed;
    }
  }
  return code;
}

async function checkAgent(word: string, context: Context): Promise<number> {
  const client = await context.client();
  const [name = word] = agentNames([word]);
  const { status } = await client.get('agents', name);
  const bad = status.conditions.filter(
    ({ type, status: is }) => (type === 'Ready' || type === 'Placed' || type === 'HostReachable') && is !== 'True',
  );
  context.out.write(
    `agent/${name} ${status.phase}, ${status.readyInstances} of ${status.desiredInstances} ready\n${bad.map(({ type, reason, message }) => `  ${type} is not true: ${reason}: ${message}\n`).join('')}`,
  );
  return status.ready ? EXIT.done : EXIT.failed;
}

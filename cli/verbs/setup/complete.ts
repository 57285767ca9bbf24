/**
 * Owns: `sac __complete`, which the completion scripts call while the user types.
 * Never: starts a controller, waits long for one, or says anything but candidates.
 */

import { PLURALS } from '../../../api/protocol.ts';
import { EXIT } from '../../../api/resources/errors.ts';
import { createConnection, type GlobalOptions } from '../../client/connection.ts';
import { complete, type Names } from '../../completion/candidates.ts';
import { oneLine } from '../../output/terminal.ts';
import type { Context, Run } from '../../verb.ts';
import { VERBS } from '../index.ts';

const PATIENCE = '1s';

export const run: Run = async (args, _options, context) => {
  const words = args[0] === '--' ? args.slice(1) : args;
  const { candidates, files, nospace } = await complete(words, VERBS, namesFor(words, context));
  const lines = candidates.map(({ value, description }) =>
    description === undefined || description === '' ? oneLine(value) : `${oneLine(value)}\t${oneLine(description)}`,
  );
  context.out.write(
    [...lines, ...(files ? [':files'] : []), ...(nospace ? [':nospace'] : [])].map((line) => `${line}\n`).join(''),
  );
  return EXIT.done;
};

function namesFor(words: readonly string[], { home, env, cwd, err }: Context): Names {
  const globals = globalsIn(words);
  return {
    of: (plural) =>
      quietly(async () => {
        const found = PLURALS.find((one) => one === plural);
        if (!found) return [];
        const client = await createConnection({ globals, home, env, cwd, err }).running();
        return (await client.list(found)).items.map(({ metadata }) => metadata.name);
      }),
    contexts: () =>
      quietly(async () => {
        const { LOCAL_CONTEXT, readConfig } = await import('../../client/config-file.ts');
        return [LOCAL_CONTEXT, ...Object.keys(readConfig(home.config).contexts)];
      }),
    accounts: () =>
      quietly(async () => {
        const { listAccounts } = await import('../../../api/accounts.ts');
        return listAccounts(home.accounts).map(({ name }) => name);
      }),
    fieldsBelow: (path) =>
      quietly(async () => {
        const { explain } = await import('../../../api/resources/schema.ts');
        const parent = path.slice(0, Math.max(0, path.lastIndexOf('.')));
        if (parent === '') return [{ value: 'agent.', description: 'what a manifest can say' }];
        return explain(parent).fields.map(({ name, type, description }) => ({
          value: `${parent}.${name}${type === 'mapping' ? '.' : ''}`,
          description,
        }));
      }),
  };
}

/** The names of the controller that the line being typed is about. */
function globalsIn(words: readonly string[]): GlobalOptions {
  const value = (flag: string): string | undefined => {
    const at = words.findIndex((word) => word === flag || word.startsWith(`${flag}=`));
    const word = words[at];
    return word === undefined ? undefined : word === flag ? words[at + 1] : word.slice(flag.length + 1);
  };
  const [context, socket, server, tokenFile] = ['--context', '--socket', '--server', '--token-file'].map(value);
  return {
    requestTimeout: PATIENCE,
    ...(context !== undefined && { context }),
    ...(socket !== undefined && { socket }),
    ...(server !== undefined && { server }),
    ...(tokenFile !== undefined && { tokenFile }),
  };
}

/** A message would land in the middle of what is being typed. */
async function quietly<T>(ask: () => Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await ask();
  } catch {
    return [];
  }
}

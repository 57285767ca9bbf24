/**
 * Owns: `sac token create | list | delete`.
 * Never: shows a token a second time.
 */

import { ROLES } from '../../../api/protocol.ts';
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { age } from '../../../api/tables/age.ts';
import { table } from '../../output/table.ts';
import { type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const format = text(options, 'output');
  if (format !== undefined && format !== 'json') throw new BadRequestError(`-o "${format}" is not json`);
  const json = format === 'json';
  switch (text(options, 'verb')) {
    case 'create': {
      const asked = text(options, 'role');
      const role = ROLES.find((one) => one === asked);
      if (!role)
        throw new BadRequestError(
          `--role ${asked === undefined ? 'is needed' : `"${asked}" does not exist`}: admin, operator or viewer`,
        );
      const description = text(options, 'description');
      const created = await (await context.client()).createToken({
        role,
        ...(description !== undefined && { description }),
      });
      context.out.write(json ? `${JSON.stringify(created, undefined, 2)}\n` : `${created.token}\n`);
      if (!json)
        context.err.write(
          `token ${created.id} (${created.role}); it is shown only now, keep it in a file only you can read\n`,
        );
      return EXIT.done;
    }
    case 'delete': {
      if (args.length === 0) throw new BadRequestError('name the tokens by their ids: `sac token list` shows them');
      const client = await context.client();
      for (const id of args) {
        await client.deleteToken(id);
        context.out.write(`token/${id} deleted\n`);
      }
      return EXIT.done;
    }
    default: {
      const tokens = await (await context.client()).listTokens();
      if (json) context.out.write(`${JSON.stringify(tokens, undefined, 2)}\n`);
      else if (tokens.length === 0) context.err.write('No tokens found.\n');
      else
        context.out.write(
          table(
            ['ID', 'ROLE', 'DESCRIPTION', 'LAST-USED', 'AGE'],
            tokens.map(({ id, role, description, lastUsedAt, createdAt }) => [
              id,
              role,
              description || '<none>',
              lastUsedAt ? age(lastUsedAt, Date.now()) : '<never>',
              age(createdAt, Date.now()),
            ]),
          ),
        );
      return EXIT.done;
    }
  }
};

/**
 * Owns: `sac account save | list | delete`: saved logins, kept where the controller runs.
 * Never: takes a token on the command line, where others see it, or shows one.
 */
import { accountName, deleteAccount, listAccounts, saveAccount, tokenIn } from '../../../api/accounts.ts';
import { BadRequestError, EXIT, NotFoundError } from '../../../api/resources/errors.ts';
import { age } from '../../../api/tables/age.ts';
import { table } from '../../output/table.ts';
import { oneLine } from '../../output/terminal.ts';
import { type Context, type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const { home, out, err } = context;
  const format = text(options, 'output');
  if (format !== undefined && format !== 'json') throw new BadRequestError(`-o "${format}" is not json`);
  await assertHere(context);
  switch (text(options, 'verb')) {
    case 'save': {
      const [name, ...more] = args;
      // A token among the arguments is in the list of processes and in the shell's history by now.
      if (name === undefined || more.length > 0)
        throw new BadRequestError(
          'name one account; its token comes on standard input: `sac account save NAME < FILE`',
        );
      accountName(name);
      if (context.stdinIsTerminal)
        err.write('Paste the token that `claude setup-token` printed, then Enter and Ctrl-D:\n');
      saveAccount(home.accounts, name, tokenIn(new TextDecoder().decode(await context.stdin())));
      out.write(`account/${name} saved\n`);
      err.write('agents that name it (spec.claude.account) have it from their next start on\n');
      return EXIT.done;
    }
    case 'delete':
      if (args.length === 0) throw new BadRequestError('name the accounts: `sac account list` shows them');
      for (const name of args) {
        if (!deleteAccount(home.accounts, name))
          throw new NotFoundError(`account "${name}" not found; \`sac account list\` lists what there is`);
        out.write(`account/${name} deleted\n`);
      }
      return EXIT.done;
    default: {
      const accounts = listAccounts(home.accounts);
      if (format === 'json') out.write(`${JSON.stringify(accounts.map(shown), undefined, 2)}\n`);
      else if (accounts.length === 0) err.write('No accounts found.\n');
      else
        out.write(
          table(
            ['NAME', 'STATE', 'SAVED'],
            accounts.map(({ name, savedAt, problem }) => [
              name,
              problem === undefined ? 'ok' : 'unusable',
              age(new Date(savedAt).toISOString(), Date.now()),
            ]),
          ),
        );
      for (const { problem } of accounts) if (problem !== undefined) err.write(`sac: ${oneLine(problem)}\n`);
      return EXIT.done;
    }
  }
};

const shown = ({ name, savedAt, problem }: ReturnType<typeof listAccounts>[number]) => ({
  name,
  savedAt: new Date(savedAt).toISOString(),
  usable: problem === undefined,
  ...(problem !== undefined && { problem }),
});

/** They are read by the controller from its own home, and travel nowhere else. */
async function assertHere({ target }: Context): Promise<void> {
  const meant = await target();
  if ('url' in meant)
    throw new BadRequestError(
      `accounts are kept where the controller runs: call \`sac account\` on the machine of ${meant.url}, as its user`,
    );
}

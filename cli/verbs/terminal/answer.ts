/**
 * Owns: `sac answer`: a person's answer to what an agent asks.
 * Never: guesses an answer.
 */
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { agentNames } from '../../client/resources.ts';
import { oneLine } from '../../output/terminal.ts';
import { flag, type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const [name, ...more] = args.length > 0 ? agentNames(args) : [];
  if (name === undefined || more.length > 0) throw new BadRequestError('name one agent: `sac answer NAME --keys 1`');
  const client = await context.client();
  const keys = (text(options, 'keys') ?? '').split(/[\s,]+/).filter((key) => key !== '');
  const instance = text(options, 'instance');
  if (keys.length === 0) {
    const { status } = await client.get('agents', name);
    const asked = status.instances.find((one) => one.reading?.dialog && (instance ?? one.name) === one.name)?.reading
      ?.dialog;
    throw new BadRequestError(
      asked
        ? `say which keys answer it: --keys 1. It asks: ${oneLine(asked.text)} [${asked.options.map((option, i) => `${i + 1}. ${oneLine(option)}`).join(' | ')}]`
        : 'say which keys answer it: --keys 1',
    );
  }
  const { screen, pressed } = await client.answer(name, {
    keys,
    ...(instance !== undefined && { instance }),
    ...(flag(options, 'force') && { force: true }),
  });
  context.out.write(`agent/${name} answered; its screen now reads as ${screen.activity}: ${oneLine(screen.reason)}\n`);
  // The question they were meant for was gone; they might have answered the next one.
  if (pressed < keys.length)
    context.err.write(`not pressed, because another screen came: ${keys.slice(pressed).join(' ')}\n`);
  return EXIT.done;
};

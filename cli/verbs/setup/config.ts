/**
 * Owns: `sac config`: contexts, each naming one controller.
 * Never: stores a token, only the file that holds it.
 */
import { resolve } from 'node:path';
import { stringify } from 'yaml';
import { BadRequestError, EXIT, NotFoundError } from '../../../api/resources/errors.ts';
import { type Config, type ConfigContext, readConfig, writeConfig } from '../../config-file.ts';
import { table } from '../../output/table.ts';
import { type Run, text } from '../../verb.ts';

const LOCAL = 'local';

export const run: Run = async (args, options, { home, out, cwd }) => {
  const config = readConfig(home.config);
  const current = config['current-context'] ?? LOCAL;
  const [name] = args;
  const named = (): string => {
    if (name === undefined) throw new BadRequestError('name the context; `sac config get-contexts` lists them');
    return name;
  };
  const assertKnown = (wanted: string) => {
    if (wanted !== LOCAL && !config.contexts[wanted])
      throw new NotFoundError(
        `context "${wanted}" does not exist; known: ${[LOCAL, ...Object.keys(config.contexts)].join(', ')}`,
      );
  };
  switch (text(options, 'verb')) {
    case 'get-contexts':
      out.write(
        table(
          ['CURRENT', 'NAME', 'CONTROLLER'],
          [
            [LOCAL, home.socket],
            ...Object.entries(config.contexts).map(([key, context]) => [key, context.server ?? context.socket ?? '']),
          ].map(([key = '', where = '']) => [key === current ? '*' : '', key, where]),
        ),
      );
      return EXIT.done;
    case 'current-context':
      out.write(`${current}\n`);
      return EXIT.done;
    case 'use-context':
      assertKnown(named());
      writeConfig(home.config, { ...config, 'current-context': named() });
      out.write(`current context is now ${named()}\n`);
      return EXIT.done;
    case 'set-context': {
      if (named() === LOCAL)
        throw new BadRequestError('the context "local" is always this machine\'s socket; choose another name');
      writeConfig(home.config, withContext(config, named(), contextFrom(options, cwd, config.contexts[named()])));
      out.write(`context ${named()} set\n`);
      return EXIT.done;
    }
    case 'delete-context': {
      assertKnown(named());
      const { [named()]: _gone, ...contexts } = config.contexts;
      writeConfig(home.config, {
        contexts,
        ...(current !== named() && config['current-context'] !== undefined && { 'current-context': current }),
      });
      out.write(`context ${named()} deleted\n`);
      return EXIT.done;
    }
    default:
      out.write(stringify({ 'current-context': current, contexts: config.contexts }));
      return EXIT.done;
  }
};

const withContext = (config: Config, name: string, context: ConfigContext): Config => ({
  ...config,
  contexts: { ...config.contexts, [name]: context },
});

function contextFrom(options: Parameters<Run>[1], cwd: string, before: ConfigContext | undefined): ConfigContext {
  const server = text(options, 'server');
  const socket = text(options, 'socket');
  const tokenFile = text(options, 'tokenFile');
  const caFile = text(options, 'caFile');
  if (server !== undefined && !URL.canParse(server)) throw new BadRequestError(`--server "${server}" is not a URL`);
  const context: ConfigContext = {
    ...before,
    ...(server !== undefined && { server }),
    ...(socket !== undefined && { socket: resolve(cwd, socket) }),
    ...(tokenFile !== undefined && { 'token-file': resolve(cwd, tokenFile) }),
    ...(caFile !== undefined && { 'ca-file': resolve(cwd, caFile) }),
  };
  if (context.server === undefined && context.socket === undefined)
    throw new BadRequestError('say where the controller is: --server URL or --socket PATH');
  return context;
}

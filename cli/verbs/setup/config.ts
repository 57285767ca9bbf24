/**
 * Owns: `sac config`: contexts, each naming one controller.
 * Never: takes a token on the command line, where others see it, or shows one.
 */
import { resolve } from 'node:path';
import { stringify } from 'yaml';
import { BadRequestError, EXIT, NotFoundError } from '../../../api/resources/errors.ts';
import {
  type Config,
  type ConfigContext,
  contextNamed,
  isServerUrl,
  LOCAL_CONTEXT,
  readConfig,
  writeConfig,
} from '../../client/config-file.ts';
import { table } from '../../output/table.ts';
import { oneLine, stripControls } from '../../output/terminal.ts';
import { type Context, type Options, type Run, text } from '../../verb.ts';

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

export const run: Run = async (args, options, context) => {
  const { home, out } = context;
  const config = readConfig(home.config);
  const current = config['current-context'] ?? LOCAL_CONTEXT;
  const name = () => nameFrom(args);
  switch (text(options, 'verb')) {
    case 'get-contexts':
      out.write(contextTable(config, current, home.socket));
      return EXIT.done;
    case 'current-context':
      out.write(`${oneLine(current)}\n`);
      return EXIT.done;
    case 'use-context':
      assertKnown(config, name());
      writeConfig(home.config, { ...config, 'current-context': name() });
      out.write(`current context is now ${name()}\n`);
      return EXIT.done;
    case 'set-context':
      return setContext(name(), config, options, context);
    case 'delete-context':
      if (name() === LOCAL_CONTEXT)
        throw new BadRequestError(`the context "${LOCAL_CONTEXT}" is always there; choose another to delete`);
      assertKnown(config, name());
      writeConfig(home.config, without(config, name()));
      out.write(
        `context ${name()} deleted${current === name() ? `; the current context is now ${LOCAL_CONTEXT}` : ''}\n`,
      );
      return EXIT.done;
    default:
      out.write(stripControls(stringify(redacted({ 'current-context': current, contexts: config.contexts }))));
      return EXIT.done;
  }
};

function nameFrom([name, ...more]: readonly string[]): string {
  if (name === undefined || more.length > 0)
    throw new BadRequestError('name one context; `sac config get-contexts` lists them');
  return name;
}

function assertKnown(config: Config, name: string): void {
  if (name === LOCAL_CONTEXT || contextNamed(config, name)) return;
  const known = [LOCAL_CONTEXT, ...Object.keys(config.contexts)].join(', ');
  throw new NotFoundError(`context "${name}" does not exist; known: ${known}`);
}

function setContext(name: string, config: Config, options: Options, { home, out, err, cwd }: Context): number {
  if (name === LOCAL_CONTEXT)
    throw new BadRequestError(`the context "${LOCAL_CONTEXT}" is always this machine's socket; choose another name`);
  if (!NAME.test(name))
    throw new BadRequestError(`"${name}" cannot name a context: letters, digits, ".", "_", "-", at most 63`);
  const before = contextNamed(config, name);
  const context = contextFrom(options, cwd, before);
  writeConfig(home.config, { ...config, contexts: { ...config.contexts, [name]: context } });
  out.write(`context ${name} ${before ? 'changed' : 'created'}\n`);
  if (context.server?.startsWith('http:') && !isLoopback(context.server))
    err.write(`warning: ${context.server} is not encrypted: whoever is on the way can read the token\n`);
  return EXIT.done;
}

const isLoopback = (server: string): boolean =>
  /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(new URL(server).hostname);

/** What is given replaces; a server in place of a socket, or the other way, drops what belonged to the other. */
function contextFrom(options: Options, cwd: string, before: ConfigContext | undefined): ConfigContext {
  const server = text(options, 'server');
  const socket = text(options, 'socket');
  const tokenFile = text(options, 'tokenFile');
  const caFile = text(options, 'caFile');
  if (server !== undefined && socket !== undefined)
    throw new BadRequestError('--server and --socket exclude each other');
  if (server !== undefined && !isServerUrl(server))
    throw new BadRequestError(`--server "${server}" is not an http:// or https:// URL`);
  const path = (value: string) => resolve(cwd, value);
  const where = server ?? (socket === undefined ? before?.server : undefined);
  if (where === undefined) {
    const at = socket ?? before?.socket;
    if (at === undefined) throw new BadRequestError('say where the controller is: --server URL or --socket PATH');
    if (tokenFile !== undefined || caFile !== undefined)
      throw new BadRequestError('--token-file and --ca-file belong to a --server; a socket needs neither');
    return { socket: path(at) };
  }
  // A token goes to the server it was given for, to no other.
  const kept = before?.server === where ? before : {};
  if (tokenFile === undefined)
    return { ...kept, server: where, ...(caFile !== undefined && { 'ca-file': path(caFile) }) };
  const { token: _replaced, ...others } = kept;
  return {
    ...others,
    server: where,
    'token-file': path(tokenFile),
    ...(caFile !== undefined && { 'ca-file': path(caFile) }),
  };
}

function without(config: Config, name: string): Config {
  const { 'current-context': current, contexts } = config;
  return {
    contexts: Object.fromEntries(Object.entries(contexts).filter(([key]) => key !== name)),
    ...(current !== undefined && current !== name && { 'current-context': current }),
  };
}

const contextTable = (config: Config, current: string, socket: string): string =>
  table(
    ['CURRENT', 'NAME', 'CONTROLLER', 'AUTH'],
    [[LOCAL_CONTEXT, { socket }] as const, ...Object.entries(config.contexts)].map(([name, context]) => [
      name === current ? '*' : '',
      name,
      ('server' in context ? context.server : undefined) ?? context.socket ?? '',
      authOf(context),
    ]),
  );

const authOf = (context: ConfigContext): string => context['token-file'] ?? (context.token ? 'token' : '<none>');

const redacted = (config: Config): Config => ({
  ...config,
  contexts: Object.fromEntries(
    Object.entries(config.contexts).map(([name, context]) => [
      name,
      context.token === undefined ? context : { ...context, token: 'REDACTED' },
    ]),
  ),
});

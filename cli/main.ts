/**
 * Owns: the program `sac`: arguments in, exit code out.
 * Never: does a verb's work; it loads the one that was asked for.
 */
import { Command, CommanderError, Option } from 'commander';
import { homeFrom } from '../api/home.ts';
import { EXIT, SacError } from '../api/resources/errors.ts';
import { closest } from '../api/resources/suggest.ts';
import { VERSION } from '../api/version.ts';
import { createConnection, type GlobalOptions } from './connection.ts';
import { oneLine, paint } from './output/terminal.ts';
import type { Context, Options, Output, Run, Verb } from './verb.ts';
import { VERBS } from './verbs/index.ts';
import { verbFirst, withGlobalsFirst } from './word-order.ts';

function output(stream: NodeJS.WriteStream): Output {
  return {
    write: (value) => void stream.write(value),
    isTerminal: stream.isTTY === true,
    colour: stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
    columns: stream.columns ?? 80,
  };
}

async function readStdin(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function contextFor(globals: GlobalOptions, signal: AbortSignal): Context {
  const home = homeFrom(process.env);
  const err = output(process.stderr);
  const connection = createConnection({ globals, home, env: process.env, cwd: process.cwd(), err });
  return {
    env: process.env,
    cwd: process.cwd(),
    home,
    stdin: readStdin,
    stdinIsTerminal: process.stdin.isTTY === true,
    out: output(process.stdout),
    err,
    signal,
    ...connection,
  };
}

function build(setExit: (code: number) => void, signal: AbortSignal): Command {
  const program = new Command('sac')
    .description('Keeps AI coding agents in the state that manifests declare.')
    .version(VERSION, '-V, --version', 'show the version')
    .option('--context <name>', 'context of the configuration to use')
    .option('--socket <path>', 'socket of the controller')
    .option('--server <url>', 'URL of the controller')
    .option('--token-file <path>', 'file that holds the token for --server')
    .option('--request-timeout <duration>', 'longest wait for an answer (30s)')
    .addHelpText(
      'after',
      "\nExamples:\n  sac apply -f manifests/quickstart --wait\n  sac get agents\n  sac logs web -f\n\n`sac VERB --help` shows a verb's options. Files: $SAC_HOME (now: see `sac controller status`).",
    )
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: usageErrorOf('sac') });
  for (const verb of VERBS) attach(program, program, `sac ${verb.name}`, verb, setExit, signal);
  return program;
}

/** Commander's words in one line, with the nearest word that exists and where to look. */
const usageErrorOf = (path: string) => (message: string, write: (text: string) => void) => {
  const [, what = message, meant] =
    /^(?:error: )?([\s\S]*?)\.?\s*(?:\(Did you mean (?:one of )?(.+)\?\))?\s*$/.exec(message) ?? [];
  const unknown = /^unknown command '(.+)'/.exec(what)?.[1];
  const near =
    meant ??
    (unknown === undefined
      ? undefined
      : closest(
          unknown,
          VERBS.map(({ name }) => name),
        ));
  write(
    `sac: ${oneLine(what)}${near === undefined ? '' : ` (did you mean ${near}?)`}; \`${path} --help\` shows what there is\n`,
  );
};

function attach(
  program: Command,
  parent: Command,
  path: string,
  verb: Verb,
  setExit: (code: number) => void,
  signal: AbortSignal,
): void {
  const command = parent
    .command(verb.name, { hidden: verb.hidden === true })
    .description(verb.summary)
    .exitOverride()
    .configureOutput({ outputError: usageErrorOf(path) });
  for (const alias of verb.aliases ?? []) command.alias(alias);
  if (verb.args) command.arguments(verb.args);
  if (verb.passThrough) command.passThroughOptions();
  for (const { flags, description, repeat } of verb.options ?? []) {
    const option = new Option(flags, description);
    if (repeat) option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
    command.addOption(option);
  }
  command.addHelpText('after', `\nExamples:\n${verb.examples.map((example) => `  ${example}`).join('\n')}`);
  for (const subverb of verb.subverbs ?? [])
    attach(program, command, `${path} ${subverb.name}`, subverb, setExit, signal);
  const { load } = verb;
  if (!load) return;
  command.action(async () => {
    const globals: GlobalOptions = program.opts();
    const { run }: { readonly run: Run } = await load();
    const options: Options = { ...command.opts(), verb: verb.name };
    setExit(await run(command.args, options, contextFor(globals, signal)));
  });
}

async function main(): Promise<void> {
  let exit: number = EXIT.done;
  const abort = new AbortController();
  process.once('SIGINT', () => {
    abort.abort();
    process.exitCode = 130;
    // Whatever still holds the process is not worth waiting for.
    setImmediate(() => process.exit(130));
  });
  // `sac get agents | head`: the reader has seen enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  try {
    await build((code) => {
      exit = code;
    }, abort.signal).parseAsync([...verbFirst(withGlobalsFirst(process.argv.slice(2)), VERBS)], { from: 'user' });
  } catch (error) {
    exit = tell(error);
  }
  process.exitCode = exit;
}

function tell(error: unknown): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
  const colour = process.stderr.isTTY === true && !process.env['NO_COLOR'];
  const message = error instanceof Error ? error.message : String(error);
  for (const line of message.split('\n')) process.stderr.write(`${paint(colour, 'red', 'sac:')} ${oneLine(line)}\n`);
  if (error instanceof SacError) return error.exitCode;
  if (process.env['SAC_DEBUG'] && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return EXIT.failed;
}

await main();

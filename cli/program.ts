/**
 * Owns: the shape of the program: every verb with its options, help and usage errors, made from the table of verbs.
 * Never: does a verb's work, nor loads it before it was asked for.
 */
import { Command, CommanderError, Option } from 'commander';
import { EXIT } from '../api/resources/errors.ts';
import { closest } from '../api/resources/suggest.ts';
import { VERSION } from '../api/version.ts';
import type { GlobalOptions } from './client/connection.ts';
import { findType } from './client/resources.ts';
import { oneLine } from './output/terminal.ts';
import type { Context, Options, Run, Verb } from './verb.ts';
import { FILES } from './verbs/options.ts';

export interface ProgramOptions {
  readonly verbs: readonly Verb[];
  readonly contextFor: (globals: GlobalOptions) => Context;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Characters a line of help may have. */
  readonly columns: number;
}

/** Runs the verb that `argv` names; resolves with the exit code. Throws what the verb throws. */
export async function runProgram(argv: readonly string[], options: ProgramOptions): Promise<number> {
  let exit: number = EXIT.done;
  const program = describeProgram(options);
  for (const verb of options.verbs)
    attach(program, program, `sac ${verb.name}`, verb, options, (code) => {
      exit = code;
    });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exit;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
}

function describeProgram(options: ProgramOptions): Command {
  return new Command('sac')
    .description('Keeps AI coding agents in the state that manifests declare.')
    .version(VERSION, '-V, --version', 'show the version')
    .option('--context <name>', 'context of the configuration to use')
    .option('--socket <path>', 'socket of the controller')
    .option('--server <url>', 'URL of the controller')
    .option('--token-file <path>', 'file that holds the token for --server')
    .option('--request-timeout <duration>', 'longest wait for an answer (30s)')
    .option('-v, --verbose', 'say which controller is asked, and where an error came from')
    .addHelpText(
      'after',
      "\nExamples:\n  sac apply -f manifests/quickstart --wait\n  sac get agents\n  sac logs web -f\n\n`sac VERB --help` shows a verb's options. Files: $SAC_HOME (now: see `sac controller status`).",
    )
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput(outputOf('sac', options));
}

const outputOf = (path: string, { verbs, out, err, columns }: ProgramOptions) => ({
  writeOut: out,
  writeErr: err,
  getOutHelpWidth: () => columns,
  getErrHelpWidth: () => columns,
  outputError: (message: string, write: (text: string) => void) => write(usageError(message, path, verbs)),
});

/** Commander's words in one line, with the nearest word that exists and where to look. */
function usageError(message: string, path: string, verbs: readonly Verb[]): string {
  const [, what = message, meant] =
    /^(?:error: )?([\s\S]*?)\.?\s*(?:\(Did you mean (?:one of )?(.+)\?\))?\s*$/.exec(message) ?? [];
  const unknown = /^unknown command '(.+)'/.exec(what)?.[1];
  const names = verbs.filter(({ hidden }) => hidden !== true).map(({ name }) => name);
  const type = unknown === undefined ? undefined : findType(unknown);
  if (type)
    return `sac: "${unknown}" names a type and wants a verb: \`sac get ${type.plural}\`, \`sac describe ${type.singular} NAME\`; \`${path} --help\` shows what there is\n`;
  const crowded = /^too many arguments for '(.+?)'/.exec(what)?.[1];
  if (crowded !== undefined && takesFiles(verbs, crowded))
    return `sac: ${crowded} takes no names; manifests are given with -f (\`sac ${crowded} -f FILE\`); \`${path} --help\` shows what there is\n`;
  const near = meant ?? (unknown === undefined ? undefined : closest(unknown, names));
  return `sac: ${oneLine(what)}${near === undefined ? '' : ` (did you mean ${near}?)`}; \`${path} --help\` shows what there is\n`;
}

const takesFiles = (verbs: readonly Verb[], name: string): boolean =>
  verbs.find((verb) => verb.name === name)?.options?.includes(FILES) === true;

function attach(
  program: Command,
  parent: Command,
  path: string,
  verb: Verb,
  options: ProgramOptions,
  setExit: (code: number) => void,
): void {
  const command = parent
    .command(verb.name, { hidden: verb.hidden === true })
    .description(verb.summary)
    .exitOverride()
    .configureOutput(outputOf(path, options));
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
    attach(program, command, `${path} ${subverb.name}`, subverb, options, setExit);
  const { load } = verb;
  if (!load) return;
  command.action(async () => {
    const globals: GlobalOptions = program.opts();
    const { run }: { readonly run: Run } = await load();
    const given: Options = { ...command.opts(), verb: verb.name };
    setExit(await run(command.args, given, options.contextFor(globals)));
  });
}

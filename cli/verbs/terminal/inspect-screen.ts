/**
 * Owns: `sac inspect --screen FILE`: what a saved screen tells, read as a running agent's would be.
 * Never: needs a controller.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { PROFILES } from '../../../adapters/profiles/profiles.ts';
import { PROFILE_NAMES, type ProfileName } from '../../../api/resources/agent/agent.ts';
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { didYouMean } from '../../../api/resources/issues.ts';
import { escapeControls, oneLine, stripControls } from '../../output/terminal.ts';
import { type Context, flag, type Options, text } from '../../verb.ts';

export async function inspectScreen(
  file: string,
  args: readonly string[],
  options: Options,
  context: Context,
): Promise<number> {
  if (args.length > 0) throw new BadRequestError('a saved screen is inspected alone: `sac inspect --screen FILE`');
  const format = text(options, 'output');
  if (format !== undefined && format !== 'json') throw new BadRequestError(`-o "${format}" is not json`);
  const profile = profileOf(text(options, 'profile') ?? 'claude-code');
  const saved = file === '-' ? new TextDecoder().decode(await context.stdin()) : await read(file, context);
  // Also what `capture-pane -e` saved.
  const { activity, reason, dialog, tool, ...more } = PROFILES[profile].read({ text: stripVTControlCharacters(saved) });
  const found = {
    activity,
    reason,
    dialog: dialog?.name ?? null,
    tool: tool ?? null,
    selector: dialog?.selector ?? null,
  };
  if (format === 'json' || flag(options, 'json')) {
    const details = { ...more, ...(dialog && { options: dialog.options, text: dialog.text }) };
    context.out.write(`${escapeControls(JSON.stringify({ ...found, ...details }, undefined, 2))}\n`);
    return EXIT.done;
  }
  const lines: readonly (readonly [string, string | null])[] = [
    ['Activity', activity],
    ['Reason', reason],
    ['Dialog', found.dialog],
    ['Selector', found.selector],
    ['Tool', found.tool],
    ...(dialog?.options ?? []).map(({ number, label, selected }): readonly [string, string] => [
      selected ? 'Option (selected)' : 'Option',
      `${number === undefined ? '' : `${number}. `}${label}`,
    ]),
  ];
  context.out.write(
    lines
      .flatMap(([key, value]) => (value === null ? [] : [`${`${key}:`.padEnd(20)}${oneLine(stripControls(value))}\n`]))
      .join(''),
  );
  return EXIT.done;
}

function profileOf(name: string): ProfileName {
  const found = PROFILE_NAMES.find((known) => known === name);
  if (!found)
    throw new BadRequestError(
      `--profile "${name}" does not exist${didYouMean(name, PROFILE_NAMES)}; known: ${PROFILE_NAMES.join(', ')}`,
    );
  return found;
}

async function read(file: string, { cwd }: Context): Promise<string> {
  try {
    return await readFile(resolve(cwd, file), 'utf8');
  } catch (error) {
    throw new BadRequestError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

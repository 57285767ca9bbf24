/**
 * Owns: `sac edit`: what is declared in the user's editor, checked, sent back; asked again as long as it is wrong.
 * Never: loses what was typed: unless it was accepted it stays in a file, and its path is told.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '../../../api/client.ts';
import type { Plural } from '../../../api/protocol.ts';
import { BadRequestError, ConflictError, EXIT, InvalidError, SacError } from '../../../api/resources/errors.ts';
import { LOCAL_IS_BUILT_IN } from '../../../api/resources/kinds/host.ts';
import { LOCAL_HOST } from '../../../api/resources/names.ts';
import { parseResources, type ResourceType, typeOf } from '../../client/resources.ts';
import { handOver } from '../../client/terminal-session.ts';
import { changesBetween, patchBetween } from '../../editing/changes.ts';
import {
  bodyOf,
  type Complaint,
  type Editable,
  type Edited,
  readEdited,
  textOf,
  withNotes,
} from '../../editing/edited.ts';
import { tellProblems } from '../../manifest-files.ts';
import { type Context, flag, type Run } from '../../verb.ts';

const UNCHANGED = 'Edit cancelled, no changes made.\n';

export const run: Run = async (args, options, context) => {
  const { type, name } = named(args);
  const client = await context.client();
  const thing = await current(client, type.plural, name);
  const folder = mkdtempSync(join(tmpdir(), 'sac-edit-'));
  const file = join(folder, `${name}.yaml`);
  const original = textOf(thing);
  // Absent: nothing was typed that would be lost.
  let typed: string | undefined;
  let complaints: readonly Complaint[] = [];
  let kept = true;
  try {
    for (;;) {
      const offered = typed ?? original;
      writeFileSync(file, withNotes(offered, complaints), { mode: 0o600 });
      await openEditor(file, context);
      const body = savedIn(file);
      const edited: Edited = body === original ? { kind: 'unchanged' } : readEdited(body, thing);
      const gaveUp = complaints.length > 0 && (body === offered || edited.kind === 'empty');
      if (gaveUp) {
        if (edited.kind === 'empty') writeFileSync(file, offered, { mode: 0o600 });
        throw new InvalidError(['edit cancelled, no valid changes were made']);
      }
      if (edited.kind === 'empty' || edited.kind === 'unchanged') {
        kept = false;
        context.out.write(UNCHANGED);
        return EXIT.done;
      }
      typed = body;
      const outcome = edited.kind === 'broken' ? edited.complaints : await send(client, type, thing, edited, options);
      if (outcome.length === 0) {
        kept = false;
        context.out.write(`${type.singular}/${name} edited\n`);
        return EXIT.done;
      }
      complaints = outcome;
    }
  } catch (error) {
    // An editor that failed may have saved what nobody has read yet.
    kept &&= typed !== undefined || ![original, ''].includes(savedIn(file));
    throw error;
  } finally {
    if (kept) tellProblems(context, [`what you typed is in ${file}`]);
    else rmSync(folder, { recursive: true, force: true });
  }
};

/** Empty also when the editor took the file away. */
const savedIn = (file: string): string => (existsSync(file) ? bodyOf(readFileSync(file, 'utf8')) : '');

type Changed = Extract<Edited, { readonly kind: 'changed' }>;

/** What can be declared can be edited; of several kinds and names, one. */
function named(args: readonly string[]): { readonly type: ResourceType; readonly name: string } {
  const all = args.length === 0 ? [] : parseResources(args, 'agents');
  const [one, ...more] = all.flatMap(({ plural, names }) => names.map((name) => ({ type: typeOf(plural), name })));
  if (one === undefined || more.length > 0)
    throw new BadRequestError('name one agent or other thing: `sac edit NAME`, `sac edit source/NAME`');
  if (one.type.plural === 'hosts' && one.name === LOCAL_HOST) throw new BadRequestError(LOCAL_IS_BUILT_IN);
  if (one.type.verbs.includes('patch')) return one;
  throw new BadRequestError(`${one.type.plural} are not declared, so that there is nothing to edit`);
}

/** With its secrets: who may change it may see them, and what is left as it is shown has to be what it was. */
async function current(client: Client, plural: Plural, name: string): Promise<Editable> {
  const thing = await client.get(plural, name, { raw: true });
  if (thing.kind === 'Instance' || thing.kind === 'Event') throw new Error(`${thing.kind} is not declared`);
  return thing;
}

/** A status that is written often makes new versions too; what is edited may be as it was all the same. */
const ATTEMPTS = 5;

/** What the server finds wrong with it; [] when it was accepted. */
async function send(
  client: Client,
  type: ResourceType,
  thing: Editable,
  edited: Changed,
  options: Parameters<Run>[1],
): Promise<readonly Complaint[]> {
  const { name } = thing.metadata;
  let { resourceVersion } = thing.metadata;
  for (let attempt = 1; ; attempt++) {
    try {
      await write(client, type, thing, edited, resourceVersion, options);
      return [];
    } catch (error) {
      if (error instanceof InvalidError) return error.problems.map((message) => ({ message }));
      if (!(error instanceof ConflictError)) throw error;
      const now = await current(client, type.plural, name);
      const changes = changesBetween(thing, now);
      if (changes.length > 0)
        throw new ConflictError(
          [
            `${type.singular}/${name} was changed while you edited it; nothing of yours was written, edit it again:`,
            ...changes.map((change) => `  ${change}`),
          ].join('\n'),
        );
      if (now.metadata.resourceVersion === resourceVersion || attempt >= ATTEMPTS) throw error;
      ({ resourceVersion } = now.metadata);
    }
  }
}

async function write(
  client: Client,
  { plural }: ResourceType,
  { metadata: before, spec: specBefore }: Editable,
  { labels, annotations, spec }: Changed,
  resourceVersion: number,
  options: Parameters<Run>[1],
): Promise<void> {
  const { name } = before;
  const force = flag(options, 'force') && { force: true };
  if (plural === 'agents') {
    await client.replace(name, { metadata: { name, labels, annotations, resourceVersion }, spec, ...force });
    return;
  }
  await client.patchObject(plural, name, {
    metadata: {
      labels: patchBetween(before.labels, labels),
      annotations: patchBetween(before.annotations, annotations),
      resourceVersion,
    },
    spec: patchBetween(specBefore, spec),
    ...force,
  });
}

async function openEditor(file: string, { env }: Context): Promise<void> {
  // Split on spaces, without a shell, as git and kubectl users write it: EDITOR="code --wait".
  const wanted = [env['SAC_EDITOR'], env['VISUAL'], env['EDITOR']].find((one) => one?.trim()) ?? 'vi';
  const argv = wanted.trim().split(/\s+/);
  let code: number;
  try {
    code = await handOver([...argv, file], { env });
  } catch (error) {
    throw new SacError(
      `the editor cannot be used: ${error instanceof Error ? error.message : String(error)}; set EDITOR to one that is installed`,
    );
  }
  if (code !== 0) throw new SacError(`the editor "${argv.join(' ')}" ended with code ${code}; nothing was changed`);
}

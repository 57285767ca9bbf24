/**
 * Owns: `sac edit`: the agent in the user's editor, checked, sent back; asked again as long as it is wrong.
 * Never: loses what was typed: unless it was accepted it stays in a file, and its path is told.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '../../../api/client.ts';
import type { Agent } from '../../../api/resources/agent/agent.ts';
import { BadRequestError, ConflictError, EXIT, InvalidError, SacError } from '../../../api/resources/errors.ts';
import { agentNames } from '../../client/resources.ts';
import { handOver } from '../../client/terminal-session.ts';
import { changesBetween } from '../../editing/changes.ts';
import { bodyOf, type Complaint, type Edited, readEdited, textOf, withNotes } from '../../editing/edited-agent.ts';
import { tellProblems } from '../../manifest-files.ts';
import { type Context, flag, type Run } from '../../verb.ts';

const UNCHANGED = 'Edit cancelled, no changes made.\n';

export const run: Run = async (args, options, context) => {
  const [name, ...more] = args.length > 0 ? agentNames(args) : [];
  if (name === undefined || more.length > 0) throw new BadRequestError('name one agent: `sac edit NAME`');
  const client = await context.client();
  const agent = await client.get('agents', name);
  const folder = mkdtempSync(join(tmpdir(), 'sac-edit-'));
  const file = join(folder, `${name}.yaml`);
  const original = textOf(agent);
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
      const edited = readEdited(body, agent);
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
      const outcome = edited.kind === 'broken' ? edited.complaints : await send(client, agent, edited, options);
      if (outcome.length === 0) {
        kept = false;
        context.out.write(`agent/${name} edited\n`);
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

/** What the server finds wrong with it; [] when it was accepted. */
async function send(
  client: Client,
  agent: Agent,
  { labels, annotations, spec }: Changed,
  options: Parameters<Run>[1],
): Promise<readonly Complaint[]> {
  const { name, resourceVersion } = agent.metadata;
  try {
    await client.replace(name, {
      metadata: { name, labels, annotations, resourceVersion },
      spec,
      ...(flag(options, 'force') && { force: true }),
    });
    return [];
  } catch (error) {
    if (error instanceof InvalidError) return error.problems.map((message) => ({ message }));
    if (!(error instanceof ConflictError)) throw error;
    const changes = changesBetween(agent, await client.get('agents', name));
    if (changes.length === 0) throw error;
    throw new ConflictError(
      [
        `agent/${name} was changed while you edited it; nothing of yours was written, edit it again:`,
        ...changes.map((change) => `  ${change}`),
      ].join('\n'),
    );
  }
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

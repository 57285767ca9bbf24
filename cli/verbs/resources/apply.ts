/**
 * Owns: `sac apply`.
 * Never: lets a broken document keep the healthy ones from being applied.
 */
import type { ApplyResult } from '../../../api/protocol.ts';
import { BadRequestError, EXIT, type ExitCode } from '../../../api/resources/errors.ts';
import { followUp, READY } from '../../client/follow-up.ts';
import { labelOf } from '../../client/resources.ts';
import { asked, dryRunOf } from '../../dry-run.ts';
import { itemOf, readFiles, tellProblems, tellWarnings } from '../../manifest-files.ts';
import { escapeControls } from '../../output/terminal.ts';
import { flag, type Options, type Run, text } from '../../verb.ts';
import { syncOne } from '../sources/sync.ts';

export const CLI_SOURCE = { kind: 'apply', name: 'cli' } as const;

export const run: Run = async (_args, options, context) => {
  const dryRun = dryRunOf(options);
  const output = text(options, 'output');
  if (output !== undefined && output !== 'name' && output !== 'json')
    throw new BadRequestError(`-o "${output}" is not name or json`);
  const prune = pruning(options);
  const { documents, objects, problems, files } = await readFiles(options, context);
  tellWarnings(context, documents);
  tellProblems(context, problems);
  const broken = problems.length > 0 ? EXIT.usage : EXIT.done;
  const items = [...objects, ...documents];
  if (items.length === 0) return broken;
  if (prune && broken !== EXIT.done)
    throw new BadRequestError('nothing was applied or pruned: with --prune every manifest must be valid');
  if (dryRun === 'client') {
    context.out.write(items.map((item) => `${labelOf(item)} valid (dry run)\n`).join(''));
    return broken;
  }
  const client = await context.client();
  const { results, errors } = await client.apply({
    items: items.map((item) => itemOf(item, files)),
    source: CLI_SOURCE,
    ...asked(dryRun),
    ...(flag(options, 'forceConflicts') && { force: true }),
    ...(prune && { prune }),
  });
  if (output === 'json') context.out.write(`${escapeControls(JSON.stringify({ results, errors }, undefined, 2))}\n`);
  else context.out.write(results.map((result) => line(result, output === 'name', dryRun === 'server')).join(''));
  tellProblems(
    context,
    errors.map(({ origin, message }) => `${origin} ${message}`),
  );
  const refused = codeOf(errors.map(({ reason }) => reason));
  const code = broken === EXIT.done ? refused : broken;
  if (!flag(options, 'wait') || dryRun === 'server') return code;
  const applied = (kind: string) =>
    results.filter((result) => result.kind === kind && result.action !== 'pruned').map(({ name }) => name);
  const resting = new Set(
    documents.filter(({ parsed }) => parsed.spec.suspend || parsed.spec.replicas === 0).map(({ name }) => name),
  );
  const names = applied('Agent').filter((name) => !resting.has(name));
  const outcomes: number[] = [];
  if (names.length > 0)
    outcomes.push(await followUp(client, { names, goals: [READY], told: 'ready' }, options, context));
  const suspended = new Set(
    objects.filter(({ manifest }) => manifest.spec['suspend'] === true).map(({ name }) => name),
  );
  const sources = applied('GitSource').filter((name) => !suspended.has(name));
  for (const name of sources) outcomes.push(await syncOne(name, { client, options, context }));
  return outcomes.find((outcome) => outcome !== EXIT.done) ?? code;
};

/** As kubectl: all that was ever applied by hand goes only when that was said. */
function pruning(options: Options): { readonly labelSelector?: string } | undefined {
  const [prune, all] = [flag(options, 'prune'), flag(options, 'all')];
  const selector = text(options, 'selector')?.trim() || undefined;
  if (all && !prune) throw new BadRequestError('--all goes with --prune');
  if (!prune) return undefined;
  if (all && selector !== undefined) throw new BadRequestError('--all and -l exclude each other');
  if (selector !== undefined) return { labelSelector: selector };
  if (all) return {};
  throw new BadRequestError(
    '--prune deletes what was ever applied by hand and is not in these files; say which of it: -l team=web, or --all',
  );
}

const line = (result: ApplyResult, nameOnly: boolean, dryRun: boolean): string =>
  nameOnly ? `${labelOf(result)}\n` : `${labelOf(result)} ${result.action}${dryRun ? ' (dry run)' : ''}\n`;

/** What the manifests can be blamed for comes first; a disk that takes nothing is no fault of theirs. */
function codeOf(reasons: readonly string[]): ExitCode {
  if (reasons.length === 0) return EXIT.done;
  if (reasons.every((reason) => reason === 'Conflict')) return EXIT.conflict;
  return reasons.every((reason) => reason === 'Conflict' || reason === 'NotWritten') ? EXIT.failed : EXIT.usage;
}

/**
 * Owns: `sac diff`: what apply would change, as a unified diff. Exit 0 same, 1 differs, above 1 an error.
 * Never: changes anything, or shows a value of env.
 */
import { createTwoFilesPatch } from 'diff';
import { stringify } from 'yaml';
import type { ApplyResult, Comparable } from '../../../api/protocol.ts';
import { EXIT, type ExitCode, SacError } from '../../../api/resources/errors.ts';
import { labelOf } from '../../client/resources.ts';
import { itemOf, readFiles, tellProblems, tellWarnings } from '../../manifest-files.ts';
import { paint, stripControls } from '../../output/terminal.ts';
import type { Context, Run } from '../../verb.ts';
import { sourceNames } from '../sources/names.ts';
import { CLI_SOURCE } from './apply.ts';

export const run: Run = async (args, options, context) => {
  try {
    return await compare(args, options, context);
  } catch (error) {
    if (error instanceof SacError && error.exitCode !== EXIT.failed) throw error;
    // Exit 1 means that something differs; no failure may look like that.
    tellProblems(context, [error instanceof Error ? error.message : String(error)]);
    return EXIT.usage;
  }
};

const compare: Run = async (args, options, context) => {
  if (args.length > 0) return compareSources(args, context);
  const { documents, objects, problems, files } = await readFiles(options, context);
  tellWarnings(context, documents);
  tellProblems(context, problems);
  const items = [...objects, ...documents];
  if (items.length === 0) return EXIT.usage;
  const client = await context.client();
  const { results, errors } = await client.apply({
    items: items.map((item) => itemOf(item, files)),
    source: CLI_SOURCE,
    dryRun: true,
  });
  tellProblems(
    context,
    errors.map(({ origin, message }) => `${origin} ${message}`),
  );
  const changed = show(results, context);
  if (problems.length > 0 || errors.length > 0) return EXIT.usage;
  return changed ? EXIT.failed : EXIT.done;
};

/** What the next sync of each would do. */
async function compareSources(args: readonly string[], context: Context): Promise<ExitCode> {
  const client = await context.client();
  let worst: ExitCode = EXIT.done;
  for (const name of sourceNames(args)) {
    const { problems, response } = await client.planSource(name);
    tellProblems(context, problems);
    if (show(response.results, context) && worst === EXIT.done) worst = EXIT.failed;
    if (problems.length > 0) worst = EXIT.usage;
  }
  return worst;
}

/** Prints what differs; false when nothing does. */
function show(results: readonly ApplyResult[], context: Context): boolean {
  const changed = results.filter(({ action }) => action !== 'unchanged');
  const patches = changed.map((result) => {
    if (!result.before && !result.after) return `# deletes ${labelOf(result)}\n`;
    const { restarts } = result;
    const before = withoutValues(result.before, result.after, 'before');
    const after = withoutValues(result.after, result.before, 'after');
    const patch = createTwoFilesPatch(
      `live/${labelOf(result)}`,
      `manifest/${labelOf(result)}`,
      yaml(before),
      yaml(after),
      '',
      '',
      { context: 3 },
    );
    // By its schedule it may be at rest just now.
    const { schedule } = asMapping(result.after?.spec);
    const note = restarts ? `# restarts the ${schedule === undefined ? 'running agent' : 'agent if it runs'}\n` : '';
    return `${note}${colour(stripControls(patch).replace(/^=+\n/, ''), context.out.colour)}`;
  });
  context.out.write(patches.join(''));
  return changed.length > 0;
}

/** Values of env may be secrets, and diffs end up in logs of CI: that one changes is said, what it is is not. */
function withoutValues(
  resource: Comparable | undefined,
  other: Comparable | undefined,
  side: 'before' | 'after',
): Comparable | undefined {
  const env = envOf(resource);
  if (!resource || !env) return resource;
  const others = envOf(other) ?? {};
  const shown = Object.entries(env).map(([name, value]) => {
    const same = !Object.hasOwn(others, name) || others[name] === value;
    return [name, same ? '***' : `*** (${side})`];
  });
  return { ...resource, spec: { ...asMapping(resource.spec), env: Object.fromEntries(shown) } };
}
const asMapping = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {};
const envOf = (resource: Comparable | undefined): Readonly<Record<string, unknown>> | undefined => {
  const env = asMapping(resource?.spec)['env'];
  return typeof env === 'object' && env !== null ? asMapping(env) : undefined;
};

const yaml = (agent: Comparable | undefined): string =>
  agent ? stringify(agent, { sortMapEntries: true, lineWidth: 0 }) : '';

const colour = (patch: string, on: boolean): string =>
  patch
    .split('\n')
    .map((line) =>
      line.startsWith('+')
        ? paint(on, 'green', line)
        : line.startsWith('-')
          ? paint(on, 'red', line)
          : line.startsWith('@@')
            ? paint(on, 'cyan', line)
            : line,
    )
    .join('\n');

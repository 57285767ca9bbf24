/**
 * Owns: `sac wait`.
 * Never: waits for what can no longer come.
 */
import { BadRequestError } from '../../../api/resources/errors.ts';
import { isObjectPlural } from '../../../api/resources/kinds/kind-names.ts';
import { followUp } from '../../client/follow-up.ts';
import { parseResources } from '../../client/resources.ts';
import { selectOf } from '../../client/selection.ts';
import { parseGoal, type WaitedPlural } from '../../client/waiting.ts';
import { type Run, texts } from '../../verb.ts';

const DEFAULT_TIMEOUT_MS = 30_000;

export const run: Run = async (args, options, context) => {
  const { plural, names: named } = namedIn(args);
  const goals = texts(options, 'for').map((goal) => parseGoal(goal, plural));
  if (goals.length === 0)
    throw new BadRequestError(
      'say what to wait for: --for=condition=Ready, --for=delete, --for=create or --for=jsonpath=...',
    );
  const client = await context.client();
  const names = await selectOf(client, plural, named, options, 'wait');
  return followUp(
    client,
    {
      plural,
      names,
      goals,
      told: goals.some(({ kind }) => kind === 'delete') ? 'deleted' : 'condition met',
      defaultTimeoutMs: DEFAULT_TIMEOUT_MS,
    },
    options,
    context,
  );
};

/** Of one kind, so that a goal means the same for all. */
function namedIn(words: readonly string[]): { readonly plural: WaitedPlural; readonly names: readonly string[] } {
  const [one = { plural: 'agents', names: [] }, ...more] = words.length === 0 ? [] : parseResources(words, 'agents');
  const { plural, names } = one;
  if (more.length > 0) throw new BadRequestError('things of several kinds are waited for one kind at a time');
  if (plural === 'agents' || isObjectPlural(plural)) return { plural, names: [...new Set(names)] };
  throw new BadRequestError(`${plural} cannot be waited for, agents and what else is declared can`);
}

/**
 * Owns: `sac wait`.
 * Never: waits for what can no longer come.
 */
import { BadRequestError } from '../../../api/resources/errors.ts';
import { followUp } from '../../client/follow-up.ts';
import { parseResources } from '../../client/resources.ts';
import { selectAgents } from '../../client/selection.ts';
import { parseGoal } from '../../client/waiting.ts';
import { type Run, texts } from '../../verb.ts';

const DEFAULT_TIMEOUT_MS = 30_000;

export const run: Run = async (args, options, context) => {
  const goals = texts(options, 'for').map(parseGoal);
  if (goals.length === 0)
    throw new BadRequestError(
      'say what to wait for: --for=condition=Ready, --for=delete, --for=create or --for=jsonpath=...',
    );
  const sources = namedSources(args);
  if (sources.length > 0)
    throw new BadRequestError(
      `agents are waited for here; \`sac sync ${sources.join(' ')} --wait\` waits for git sources and all their agents`,
    );
  const client = await context.client();
  const names = await selectAgents(client, args, options, 'wait');
  return followUp(
    client,
    {
      names,
      goals,
      told: goals.some(({ kind }) => kind === 'delete') ? 'deleted' : 'condition met',
      defaultTimeoutMs: DEFAULT_TIMEOUT_MS,
    },
    options,
    context,
  );
};

const namedSources = (words: readonly string[]): readonly string[] =>
  words.length === 0
    ? []
    : parseResources(words, 'agents').flatMap(({ plural, names }) => (plural === 'gitsources' ? names : []));

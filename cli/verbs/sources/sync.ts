/**
 * Owns: `sac sync` and `sac rollback`: asks for a sync, says what came of it, waits for the agents if asked to.
 * Never: takes a refused commit for success.
 */
import type { Client } from '../../../api/client.ts';
import { BadRequestError, EXIT, type ExitCode } from '../../../api/resources/errors.ts';
import type { GitCondition, GitSourceStatus } from '../../../api/resources/kinds/git-source.ts';
import { parseDuration } from '../../durations.ts';
import { oneLine } from '../../output/terminal.ts';
import { type Context, flag, type Options, type Run, text } from '../../verb.ts';
import { sourceNames } from './names.ts';

export const sync: Run = async (args, options, context) => {
  const client = await context.client();
  let worst: ExitCode = EXIT.done;
  for (const name of sourceNames(args)) worst = worse(worst, await syncOne(name, { client, options, context }));
  return worst;
};

/** Asks for a sync, says what came of it; with --wait when it has come. */
export async function syncOne(name: string, asked: Asked): Promise<ExitCode> {
  const force = flag(asked.options, 'force');
  return tell(name, statusOf(await asked.client.syncSource(name, force ? { force } : {})), asked);
}

export const rollback: Run = async (args, options, context) => {
  const [name, ...more] = sourceNames(args);
  const to = text(options, 'to');
  if (name === undefined || more.length > 0) throw new BadRequestError('name one git source');
  if (to === undefined) throw new BadRequestError('--to is required: the commit to go to');
  const client = await context.client();
  return tell(name, statusOf(await client.syncSource(name, { to })), { client, options, context });
};

export interface Asked {
  readonly client: Client;
  readonly options: Options;
  readonly context: Context;
}

const DEFAULT_WAIT_MS = 300_000;
const MAX_PROBLEMS = 20;
/** Reason of Ready of a source that rests. */
const SUSPENDED = 'Suspended';

async function tell(name: string, first: GitSourceStatus, { client, options, context }: Asked): Promise<ExitCode> {
  const status = flag(options, 'wait') ? await settled(name, first, { client, options, context }) : first;
  const verdict = verdictOf(status);
  const rests = verdict?.reason === SUSPENDED;
  const good = !rests && (verdict?.status !== 'False' || verdict.reason === 'Progressing');
  const why = oneLine(verdict?.message ?? 'it has not been looked at yet');
  const remedy = rests ? ` \`sac resume ${name}\` lets it go on.` : '';
  (good ? context.out : context.err).write(`gitsource/${name} ${good ? 'synced' : 'not synced'}: ${why}${remedy}\n`);
  // The only one is in the message already.
  const [only, ...more] = status.problems.map(oneLine);
  if (!good && !rests && (more.length > 0 || !why.includes(only ?? '')))
    for (const problem of status.problems.slice(0, MAX_PROBLEMS)) context.err.write(`  ${oneLine(problem)}\n`);
  if (flag(options, 'wait') && conditionOf(status, 'Ready')?.status !== 'True')
    return good ? EXIT.timedOut : EXIT.failed;
  return good ? EXIT.done : EXIT.failed;
}

/** What counts: the first of these that is not as it should be, else that it is applied. */
function verdictOf(status: GitSourceStatus): GitCondition | undefined {
  const ready = conditionOf(status, 'Ready');
  if (ready && ready.status !== 'True') return ready;
  return conditionOf(status, 'Synced');
}

/** The status when all is ready, or when it cannot become so by waiting, or when the time is over. */
async function settled(
  name: string,
  first: GitSourceStatus,
  { client, options, context }: Asked,
): Promise<GitSourceStatus> {
  const isSettled = (status: GitSourceStatus) => {
    const ready = conditionOf(status, 'Ready');
    return (
      ready?.status === 'True' ||
      ready?.reason === SUSPENDED ||
      (ready?.status === 'False' && ready.reason !== 'Progressing' && ready.reason !== 'DependencyNotReady')
    );
  };
  if (isSettled(first)) return first;
  const given = text(options, 'timeout');
  const timer = AbortSignal.timeout(given === undefined ? DEFAULT_WAIT_MS : parseDuration(given, '--timeout'));
  let last = first;
  for await (const { type, object } of client.watch('gitsources', {
    signal: AbortSignal.any([timer, context.signal]),
  })) {
    if (object?.metadata.name !== name || type === 'DELETED') continue;
    last = statusOf(object);
    if (isSettled(last)) break;
  }
  return last;
}

const NOTHING: GitSourceStatus = { agents: 0, drift: [], problems: [], conditions: [] };
const statusOf = ({ status }: { readonly status: object }): GitSourceStatus => ({ ...NOTHING, ...status });
const conditionOf = (status: GitSourceStatus, type: string): GitCondition | undefined =>
  status.conditions.find((condition) => condition.type === type);
const worse = (a: ExitCode, b: ExitCode): ExitCode => (a === EXIT.done ? b : a);

/**
 * Owns: waiting after a change (`--wait`): progress while it lasts, the worst outcome as exit code.
 * Never: changes anything.
 */
import type { Client } from '../../api/client.ts';
import { EXIT, type ExitCode } from '../../api/resources/errors.ts';
import { parseDuration } from '../durations.ts';
import { oneLine, paint } from '../output/terminal.ts';
import { type Context, type Options, text } from '../verb.ts';
import { Progress } from './progress.ts';
import { typeOf } from './resources.ts';
import { type Goal, type WaitedPlural, waitFor } from './waiting.ts';

export const READY: Goal = { kind: 'condition', type: 'Ready', status: 'True' };
const DEFAULT_TIMEOUT_MS = 300_000;
const A_WEEK_MS = 604_800_000;

export interface FollowUp {
  /** Default: agents. */
  readonly plural?: WaitedPlural;
  readonly names: readonly string[];
  readonly goals: readonly Goal[];
  /** What is said of each that got there; nothing when absent. */
  readonly told?: string;
  readonly defaultTimeoutMs?: number;
}

export async function followUp(
  client: Client,
  { plural = 'agents', names, goals, told, defaultTimeoutMs = DEFAULT_TIMEOUT_MS }: FollowUp,
  options: Options,
  context: Context,
): Promise<ExitCode> {
  const asked = text(options, 'timeout');
  const given = asked === undefined ? defaultTimeoutMs : parseDuration(asked, '--timeout');
  const progress = new Progress(context.err, names.length);
  const outcomes = await waitFor(client, {
    plural,
    names,
    goals,
    timeoutMs: given < 0 ? A_WEEK_MS : given,
    signal: context.signal,
    onProgress: (thing) => progress.update(thing),
    onDone: (name) => progress.done(name),
  });
  progress.end();
  let worst: ExitCode = EXIT.done;
  for (const { name, code, message } of outcomes) {
    if (code === EXIT.done && told !== undefined) context.out.write(`${typeOf(plural).singular}/${name} ${told}\n`);
    if (message !== undefined) context.err.write(`${paint(context.err.colour, 'red', 'sac:')} ${oneLine(message)}\n`);
    if (code !== EXIT.done && (worst === EXIT.done || worst === EXIT.timedOut)) worst = code;
  }
  return worst;
}

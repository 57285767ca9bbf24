/**
 * Owns: one change to many agents: several at once, told in order; a refusal stops only the agent it is about.
 * Never: goes on when the controller is away or denies access: that is the same for all.
 */
import { EXIT, type ExitCode, SacError } from '../../api/resources/errors.ts';
import { oneLine, paint } from '../output/terminal.ts';
import type { Context } from '../verb.ts';

const AT_ONCE = 16;

export interface EachOutcome {
  /** Of the first that was refused. */
  readonly code: ExitCode;
  /** Those that were not. */
  readonly done: readonly string[];
}

/** `act` answers what is to be said of its agent, a line without `agent/NAME`. */
export async function eachAgent(
  names: readonly string[],
  { out, err }: Context,
  act: (name: string) => Promise<string>,
): Promise<EachOutcome> {
  if (names.length === 0) err.write('No agents found.\n');
  const done: string[] = [];
  let code: ExitCode = EXIT.done;
  for (let from = 0; from < names.length; from += AT_ONCE) {
    const batch = names.slice(from, from + AT_ONCE);
    const settled = await Promise.allSettled(batch.map(act));
    let fatal: unknown;
    for (const [at, result] of settled.entries()) {
      const name = batch[at] ?? '';
      if (result.status === 'fulfilled') {
        done.push(name);
        out.write(`agent/${name} ${oneLine(result.value)}\n`);
      } else if (concernsAll(result.reason)) fatal ??= result.reason;
      else {
        if (code === EXIT.done) code = result.reason.exitCode;
        err.write(`${paint(err.colour, 'red', 'sac:')} ${oneLine(result.reason.message)}\n`);
      }
    }
    if (fatal !== undefined) throw fatal;
  }
  return { code, done };
}

/** The controller is away or denies access: no use asking for the next agent. */
export const concernsAll = (error: unknown): boolean =>
  !(error instanceof SacError) || error.exitCode === EXIT.noController || error.exitCode === EXIT.denied;

/**
 * Owns: reading the process runtime's listing. Pure.
 * Never: guesses: a line that is not whole is no sighting.
 */
import { type FleetId, fleetOf, type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import type { Sighting } from '../runtime.ts';

const LINE = /^(\S+) (\S+) (\d+) ([0-9a-f]+) (running|exited) (\d+|-) (\d+|-) (\d+) (\d+|-) (\d+|-)$/;
const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  11: 'SIGSEGV',
  12: 'SIGUSR2',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
};

/** sh tells a signal as 128 + its number; codes beyond the known signals are the agent's own. */
export function exitFromStatus(status: number): { readonly code: number } | { readonly signal: string } {
  const signal = SIGNALS[status - 128];
  return signal === undefined ? { code: status } : { signal };
}

export function parseListing(text: string, fleet: FleetId): readonly Sighting[] {
  return text.split('\n').flatMap((line) => {
    const match = LINE.exec(line);
    if (!match) return [];
    const [, name = '', rawId = '', incarnation, hash = '', state, pid, status, began, ended, submitted] = match;
    const id = rawId as InstanceId;
    if (fleetOf(id) !== fleet || instanceNameOf(id) !== name) return [];
    const sighting: Sighting = {
      id,
      incarnation: Number(incarnation),
      launchHash: hash,
      state: state === 'running' ? 'running' : 'exited',
      session: name,
      ...(pid !== '-' && { pid: Number(pid) }),
      ...(Number(began) > 0 && { startedAt: Number(began) * 1000 }),
      ...(Number(submitted) > 0 && { submitted: Number(submitted) }),
      ...(state === 'exited' && {
        exit: {
          ...(status !== '-' && exitFromStatus(Number(status))),
          ...(ended !== '-' && { at: Number(ended) * 1000 }),
        },
      }),
    };
    return [sighting];
  });
}

/** What became of one order to start. `replaced`: an incarnation that had ended, and whose place it took. */
export type Outcome = 'taken' | { readonly replaced?: Instant };

/** By name, what the start script printed; a line that is not whole is none. */
export function parseOutcomes(text: string): ReadonlyMap<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  for (const line of text.split('\n')) {
    const [, name = '', said, replaced] = /^(\S+) (?:(taken)|started (\d+|-))$/.exec(line) ?? [];
    if (said) outcomes.set(name, 'taken');
    else if (replaced) outcomes.set(name, replaced === '-' ? {} : { replaced: Number(replaced) });
  }
  return outcomes;
}

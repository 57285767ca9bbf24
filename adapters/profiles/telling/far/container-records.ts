/**
 * Owns: records of agents in containers: they lie in there, and are read by commands run in there, as those of other machines are.
 * Never: starts a command for a container whose screen has not changed: each costs its engine some tens of milliseconds.
 */
import type { InstanceId } from '../../../../api/resources/names.ts';
import type { Transport } from '../../../transport/transport.ts';
import type { FarListening, FarTeller } from './far-listening.ts';

/** Turns in which a record is read on after its agent's screen changed: it is written a moment later. */
const TURNS_AFTER_CHANGE = 3;
/** Most containers a turn; the others follow with the next. */
const MOST_A_TURN = 8;

export interface ContainerTeller {
  readonly id: InstanceId;
  /** What a command begins with that is to run in there. */
  readonly exec: readonly string[];
  /** To the machine of the engine. */
  readonly transport: Pick<Transport, 'run'>;
  readonly teller: FarTeller;
}

export class ContainerRecords {
  readonly #far: FarListening;
  readonly #looks = new Map<InstanceId, { look: object; turns: number }>();
  /** Whose turn was last, so that all have theirs. */
  #last = '';

  constructor(far: FarListening) {
    this.#far = far;
  }

  /** Its screen was looked at; `look`: the same object as long as nothing was drawn. */
  seen(id: InstanceId, look: object): void {
    if (this.#looks.get(id)?.look !== look) this.#looks.set(id, { look, turns: TURNS_AFTER_CHANGE });
  }

  /** One turn. Never rejects; a container that cannot be asked now is asked at the next. */
  async pull(tellers: readonly ContainerTeller[]): Promise<void> {
    const known = new Set(tellers.map(({ id }) => id));
    for (const id of this.#looks.keys()) if (!known.has(id)) this.#looks.delete(id);
    const due = tellers
      .filter(({ id }) => (this.#looks.get(id)?.turns ?? 0) > 0)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const from = due.findIndex(({ id }) => id > this.#last);
    const turn = [...due.slice(Math.max(0, from)), ...due.slice(0, Math.max(0, from))].slice(0, MOST_A_TURN);
    this.#last = turn.at(-1)?.id ?? '';
    await Promise.all(
      turn.map(({ id, exec, transport, teller }) => {
        const seen = this.#looks.get(id);
        const run: Transport['run'] = async (argv, options) => {
          const ran = await transport.run([...exec, ...argv], options);
          // What grew may go on beyond what one answer holds.
          if (seen) seen.turns = ran.stdout === '' ? seen.turns - 1 : TURNS_AFTER_CHANGE;
          return ran;
        };
        return this.#far.pull(id, { run }, '', [teller]);
      }),
    );
  }
}

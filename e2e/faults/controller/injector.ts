/**
 * Owns: the journal of effects, across the deaths of controllers, and when the one fault of a plan is due.
 * Never: carries a fault out.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Instant } from '../../../api/resources/time.ts';
import { type EffectName, type PointKey, pointKey } from '../plans/plan.ts';
import type { JournalEntry, Orders } from './orders.ts';

export const readJournal = (path: string): readonly JournalEntry[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
    : [];

export class Injector {
  readonly #orders: Orders;
  /** Incarnations of each instance to which each effect was done, in order: the same one again is the same point. */
  readonly #incarnations = new Map<string, Instant[]>();
  #struck: boolean;

  constructor(orders: Orders) {
    this.#orders = orders;
    const journal = readJournal(orders.journal);
    this.#struck = journal.some(({ what }) => what === 'struck');
    for (const entry of journal) {
      if (entry.what !== 'begin') continue;
      const [effect, instance] = entry.point.split('/');
      this.#incarnationsOf(`${effect}/${instance}`).push(entry.incarnation);
    }
  }

  begin(effect: EffectName, instance: string, incarnation: Instant): PointKey {
    const known = this.#incarnationsOf(`${effect}/${instance}`);
    if (!known.includes(incarnation)) known.push(incarnation);
    const point = pointKey({ effect, instance, nth: known.indexOf(incarnation) });
    this.note({ what: 'begin', point, incarnation });
    return point;
  }

  /** The fault due at this point. It is due once. */
  due(point: PointKey): NonNullable<Orders['fault']>['kind'] | undefined {
    const { fault } = this.#orders;
    if (this.#struck || fault?.point !== point) return undefined;
    this.#struck = true;
    this.note({ what: 'struck', ...fault });
    return fault.kind;
  }

  /** On disk before anything else happens: the next moment may be the last. */
  note(entry: JournalEntry): void {
    appendFileSync(this.#orders.journal, `${JSON.stringify(entry)}\n`);
  }

  #incarnationsOf(key: string): Instant[] {
    const known = this.#incarnations.get(key);
    if (known) return known;
    const fresh: Instant[] = [];
    this.#incarnations.set(key, fresh);
    return fresh;
  }
}

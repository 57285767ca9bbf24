/**
 * Owns: the journal of effects, across the deaths of controllers, and when the faults of a plan are due.
 * Never: carries a fault out.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Instant } from '../../../api/resources/time.ts';
import { type EffectName, type PointKey, pointKey } from '../plans/plan.ts';
import type { Fault, JournalEntry, Orders } from './orders.ts';

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
  /** Points of faults that were carried out: a point has one fault at most. */
  readonly #struck: Set<PointKey>;

  constructor(orders: Orders) {
    this.#orders = orders;
    const journal = readJournal(orders.journal);
    this.#struck = new Set(journal.flatMap((entry) => (entry.what === 'struck' ? [entry.point] : [])));
    for (const entry of journal) {
      if (entry.what !== 'begin') continue;
      const [effect, instance] = entry.point.split('/');
      this.#nth(`${effect}/${instance}`, entry.incarnation);
    }
  }

  begin(effect: EffectName, instance: string, incarnation: Instant): PointKey {
    const point = pointKey({ effect, instance, nth: this.#nth(`${effect}/${instance}`, incarnation) });
    this.note({ what: 'begin', point, incarnation });
    return point;
  }

  /** The fault due at this point. It is due once. */
  due(point: PointKey): Fault['kind'] | undefined {
    const fault = this.#orders.faults?.find((one) => one.point === point);
    if (!fault || this.#struck.has(point)) return undefined;
    this.#struck.add(point);
    this.note({ what: 'struck', ...fault });
    return fault.kind;
  }

  /** On disk before anything else happens: the next moment may be the last. */
  note(entry: JournalEntry): void {
    appendFileSync(this.#orders.journal, `${JSON.stringify(entry)}\n`);
  }

  #nth(key: string, incarnation: Instant): number {
    const known = this.#incarnations.get(key) ?? [];
    if (!known.includes(incarnation)) known.push(incarnation);
    this.#incarnations.set(key, known);
    return known.indexOf(incarnation);
  }
}

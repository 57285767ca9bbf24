/**
 * Owns: the views of all places, joined into one observation an instance.
 * Never: decides. A place that could not be looked at makes an instance unknown only if it may live there.
 */
import type { InstanceId } from '../../api/resources/names.ts';
import type { Observation, PlacedSighting } from '../machine/snapshot.ts';
import { type Place, type PlaceKey, placeKey } from '../plan/desired-instance.ts';
import type { Observer } from './observe.ts';
import type { PlaceView } from './place-view.ts';

export class PlacesObserver implements Observer {
  readonly #views = new Map<PlaceKey, PlaceView>();

  constructor(views: readonly PlaceView[] = []) {
    for (const view of views) this.add(view);
  }

  add(view: PlaceView): void {
    this.#views.get(placeKey(view.place))?.[Symbol.dispose]();
    this.#views.set(placeKey(view.place), view);
  }

  /** What lives there is unknown from now on. */
  remove(place: Place): void {
    this.#views.get(placeKey(place))?.[Symbol.dispose]();
    this.#views.delete(placeKey(place));
  }

  get views(): Iterable<PlaceView> {
    return this.#views.values();
  }

  async observe(id: InstanceId, required: readonly Place[], forsaken?: Place): Promise<Observation> {
    const needed = new Set(required.map(placeKey));
    const sightings: PlacedSighting[] = [];
    for (const [key, view] of this.#views) {
      // Without a place to expect it at (nothing is remembered), it may be anywhere.
      const mustKnow = needed.size === 0 || needed.has(key);
      const remembered = view.sightings.get(id);
      if (!mustKnow && !remembered) continue;
      // Its lease there has run out; if it can be looked at all the same, what is found there counts. Else what was seen there
      // keeps nothing waiting either when it lives elsewhere and nobody speaks of this place any more.
      if (!mustKnow && forsaken && placeKey(forsaken) === key && view.unknown) {
        view.forget(id);
        continue;
      }
      const look = await view.look(id);
      // Only a corpse is left there: it can wait until the place can be looked at again.
      if (look.kind === 'unknown' && !mustKnow && remembered?.state === 'exited') continue;
      if (look.kind === 'unknown') return { kind: 'unknown', reason: `${key} could not be looked at: ${look.reason}` };
      if (look.sighting) sightings.push(look.sighting);
    }
    for (const key of needed)
      if (!this.#views.has(key)) return { kind: 'unknown', reason: `${key} is not a place this controller knows` };
    const things = withoutTwins(sightings, ({ place }) => needed.has(placeKey(place)));
    return { kind: 'seen', sightings: things };
  }

  invalidate(id: InstanceId, place: Place): void {
    this.#views.get(placeKey(place))?.invalidate(id);
  }

  /** Lists every place again; what changed is told through the views' onChange. */
  async refresh(): Promise<void> {
    await Promise.all([...this.#views.values()].map((view) => view.refresh()));
  }

  /** Things with our mark that nothing remembers or wants: reported, never touched. */
  orphans(isKnown: (id: InstanceId) => boolean): readonly PlacedSighting[] {
    return [...this.#views.values()].flatMap((view) =>
      [...view.sightings].filter(([id]) => !isKnown(id)).map(([, sighting]) => sighting),
    );
  }

  [Symbol.dispose](): void {
    for (const view of this.#views.values()) view[Symbol.dispose]();
  }
}

/**
 * What two places show alike is one thing, and counts where it is expected: a host that leads to this machine's own user shows
 * what lives here, and the other way round.
 */
const withoutTwins = (
  sightings: readonly PlacedSighting[],
  isExpected: (one: PlacedSighting) => boolean,
): readonly PlacedSighting[] =>
  sightings.filter((one, index) => {
    const counts = (other: PlacedSighting, at: number): boolean =>
      isExpected(other) === isExpected(one) ? at < index : isExpected(other);
    return !sightings.some((other, at) => at !== index && isSame(one, other) && counts(other, at));
  });

const isSame = (a: PlacedSighting, b: PlacedSighting): boolean =>
  a.place.runtime === b.place.runtime && a.session === b.session && a.incarnation === b.incarnation && a.pid === b.pid;

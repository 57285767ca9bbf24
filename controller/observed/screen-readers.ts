/**
 * Owns: one reader of screens for each place that has screens, whose agents each reads, and when it is to look.
 * Never: decides, or types.
 */
import type { PaneState, Screen } from '../../adapters/profiles/screen.ts';
import { effectiveProfile, type ProfileName } from '../../api/resources/agent/agent.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import { durationMs } from '../../api/resources/time.ts';
import { type PlaceKey, placeKey } from '../plan/desired-instance.ts';
import type { Read } from '../reconcile/effects/typist.ts';
import type { Intentions } from '../reconcile/intentions.ts';
import type { Store } from '../store/store.ts';
import { named, ScreenReader, type ScreenReaderOptions, type Watched } from './screen-reader.ts';

export interface ScreenReadersOptions extends Pick<ScreenReaderOptions, 'timers' | 'facts' | 'onChange'> {
  readonly store: Pick<Store, 'agent' | 'instance'>;
  readonly intentions: Pick<Intentions, 'desired' | 'onboarded'>;
  /** How the screens of a profile read. Absent: none are read. */
  readonly readScreen?: (profile: ProfileName, screen: Screen) => PaneState;
}

export class ScreenReaders implements Disposable {
  readonly #options: ScreenReadersOptions;
  readonly #readers = new Map<PlaceKey, ScreenReader>();

  constructor(options: ScreenReadersOptions) {
    this.#options = options;
  }

  /** Undefined: there are no screens at this place. */
  join(key: PlaceKey, hands: Pick<ScreenReaderOptions, 'runtime' | 'transport'>): ScreenReader | undefined {
    if (!hands.runtime.capabilities.screen) return undefined;
    const { timers, facts, onChange } = this.#options;
    const reader = new ScreenReader({
      ...hands,
      timers,
      watched: () => this.#watched(key),
      ...(facts && { facts }),
      onChange,
    });
    this.#readers.set(key, reader);
    return reader;
  }

  leave(key: PlaceKey): void {
    this.#readers.get(key)?.[Symbol.dispose]();
    this.#readers.delete(key);
  }

  /** Screens are read soon: everywhere, or at one place. */
  soon(key?: PlaceKey): void {
    if (key !== undefined) this.#readers.get(key)?.soon();
    else for (const reader of this.#readers.values()) reader.soon();
  }

  /** A slow place may not have shown it running when its reader looked last. */
  expect(id: InstanceId): void {
    const { onboarding, place } = this.#options.intentions.desired(id) ?? {};
    const reader = onboarding && place && this.#readers.get(placeKey(place));
    if (reader && !reader.reading(id)) reader.soon();
  }

  /** How the screen of this instance reads; undefined: it has none that is read. */
  readerOf(id: InstanceId): Read | undefined {
    const { store, intentions, readScreen } = this.#options;
    const agent = intentions.desired(id)?.agent;
    const spec = agent === undefined ? undefined : store.agent(agent)?.record.spec;
    if (!spec || !readScreen) return undefined;
    const profile = effectiveProfile(spec);
    return (screen) => named(readScreen(profile, screen), spec.startup);
  }

  [Symbol.dispose](): void {
    for (const reader of this.#readers.values()) reader[Symbol.dispose]();
  }

  /** Agents at this place that have a prompt, and how to read them. */
  #watched(key: PlaceKey): ReadonlyMap<InstanceId, Watched> {
    const { store, intentions } = this.#options;
    const watched = new Map<InstanceId, Watched>();
    for (const { id, agent } of intentions.onboarded(key)) {
      const spec = store.agent(agent)?.record.spec;
      const read = this.readerOf(id);
      const { snapshot } = store.instance(id)?.record ?? {};
      // Also while it starts: the look that follows a start may come before the pass that sees it run.
      if (!spec || !read || (snapshot?.phase !== 'Running' && snapshot?.phase !== 'Starting')) continue;
      watched.set(id, {
        read,
        readyPatterns: spec.startup.readyPatterns,
        customDialogs: spec.startup.customDialogs,
        pollMs: durationMs(spec.startup.pollInterval),
        pending: snapshot.memory.onboarding?.done === undefined,
      });
    }
    return watched;
  }
}

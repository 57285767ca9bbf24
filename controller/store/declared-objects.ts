/**
 * Owns: the declared things that are no agents, in memory, by kind and name, and how they look to users.
 * Never: writes to disk, or takes in a change that was not written.
 */
import type { DeclaredObject, ObjectKind } from '../../api/resources/kinds/kinds.ts';
import type { Change, ObjectRecord, StoreEvent, Versioned } from './store.ts';
import { viewObjectRecord } from './views.ts';

type ObjectChange = Extract<Change, { readonly type: 'put-object' | 'delete-object' }>;
type VersionedObject = Versioned<ObjectRecord>;

export class DeclaredObjects {
  readonly #fleet: string;
  readonly #byKind = new Map<ObjectKind, Map<string, VersionedObject>>();
  readonly #views = new WeakMap<VersionedObject, DeclaredObject>();

  constructor(fleet: string) {
    this.#fleet = fleet;
  }

  fill(objects: Iterable<VersionedObject>): void {
    for (const object of objects) this.#ofKind(object.record.kind).set(object.record.name, object);
  }

  get(kind: ObjectKind, name: string): VersionedObject | undefined {
    return this.#byKind.get(kind)?.get(name);
  }

  /** Sorted by name. */
  list(kind: ObjectKind): readonly VersionedObject[] {
    return [...this.#ofKind(kind).values()].sort((a, b) => (a.record.name < b.record.name ? -1 : 1));
  }

  view(object: VersionedObject): DeclaredObject {
    const known = this.#views.get(object);
    if (known) return known;
    const view = viewObjectRecord(this.#fleet, object.record, object.resourceVersion);
    this.#views.set(object, view);
    return view;
  }

  apply(change: ObjectChange, version: number): readonly StoreEvent[] {
    if (change.type === 'delete-object') {
      const last = this.get(change.kind, change.name);
      this.#ofKind(change.kind).delete(change.name);
      return last ? [{ type: 'DELETED', resourceVersion: version, object: this.view(last) }] : [];
    }
    const { record } = change;
    const type = this.get(record.kind, record.name) ? 'MODIFIED' : 'ADDED';
    const object = { record, resourceVersion: version };
    this.#ofKind(record.kind).set(record.name, object);
    return [{ type, resourceVersion: version, object: this.view(object) }];
  }

  #ofKind(kind: ObjectKind): Map<string, VersionedObject> {
    const known = this.#byKind.get(kind);
    if (known) return known;
    const fresh = new Map<string, VersionedObject>();
    this.#byKind.set(kind, fresh);
    return fresh;
  }
}

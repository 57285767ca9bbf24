/**
 * Owns: how declared things that are no agents change: applied whole, patched, deleted.
 * Never: acts on them; whoever watches their kind does.
 */
import type {
  ApplyItem,
  ApplyRequest,
  ApplyResponse,
  ApplyResult,
  Comparable,
  DeleteRequest,
  PatchRequest,
} from '../../api/protocol.ts';
import { BadRequestError, ConflictError, InvalidError, NotFoundError, SacError } from '../../api/resources/errors.ts';
import { check, formatPath } from '../../api/resources/issues.ts';
import { LOCAL_IS_BUILT_IN } from '../../api/resources/kinds/host.ts';
import {
  type DeclaredObject,
  OBJECT_KINDS,
  OBJECT_MANIFESTS,
  type ObjectKind,
} from '../../api/resources/kinds/kinds.ts';
import { LOCAL_HOST } from '../../api/resources/names.ts';
import { parseLabelSelector } from '../../api/resources/selectors.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { Caller } from '../../api/server/ports.ts';
import { circleThrough } from '../plan/dependencies.ts';
import type { ObjectRecord, RecordedEvent, Store, Versioned } from '../store/store.ts';
import { assertSameMachine } from './host-moves.ts';
import { changedByHand, refusedByCommit, withHand } from './object-ownership.ts';
import { isOrphaned } from './ownership.ts';
import { mergePatch } from './three-way-merge.ts';

export interface ObjectWritesOptions {
  readonly store: Store;
  readonly clock: { now(): Instant };
  /** Equal texts: equal values. */
  readonly canonical: (value: unknown) => string;
  /** Why it must not go now; undefined: nothing depends on it. */
  readonly neededBy: (kind: ObjectKind, name: string) => string | undefined;
}

type Refusal = ApplyResponse['errors'][number];
/** Only the status changed in between: read again and try again, so often. */
const ATTEMPTS = 5;

export class StoredObjectWrites {
  readonly #options: ObjectWritesOptions;

  constructor(options: ObjectWritesOptions) {
    this.#options = options;
  }

  async applyItem(
    item: ApplyItem & { readonly manifest: { readonly kind: ObjectKind } },
    request: ApplyRequest,
    by: Caller,
  ): Promise<ApplyResult | Refusal> {
    const { kind } = item.manifest;
    try {
      const manifest = parse(kind, item.manifest);
      if (kind === 'GitSource') this.#assertNoCircle(manifest, request.items);
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#applyOnce(kind, manifest, request, by);
        } catch (error) {
          if (!(error instanceof RacedError) || attempt >= ATTEMPTS) throw error;
        }
      }
    } catch (error) {
      if (!(error instanceof SacError) || error.reason === 'Fenced') throw error;
      const name = item.manifest.metadata?.name ?? '';
      return { origin: item.origin, name, reason: error.reason, message: error.message };
    }
  }

  /** What this source declared and the request no longer names. */
  async prune(request: ApplyRequest, kept: ReadonlySet<string>, by: Caller): Promise<readonly ApplyResult[]> {
    const selects = request.prune?.labelSelector ? parseLabelSelector(request.prune.labelSelector) : () => true;
    const doomed = (Object.keys(OBJECT_KINDS) as ObjectKind[]).flatMap((kind) =>
      this.#options.store.objects(kind).filter(({ record }) => {
        const { source } = record;
        const ours = source.kind === request.source.kind && source.name === request.source.name;
        return ours && !kept.has(`${kind}/${record.name}`) && selects(record.labels);
      }),
    );
    if (!request.dryRun) for (const { record } of doomed) await this.remove(record.kind, record.name, {}, by);
    return doomed.map(({ record }) => ({
      kind: record.kind,
      name: record.name,
      action: 'pruned',
      generation: record.generation,
      restarts: false,
      ...(request.dryRun && { before: comparable(record) }),
    }));
  }

  async patch(kind: ObjectKind, name: string, patch: PatchRequest, by: Caller): Promise<DeclaredObject> {
    await this.#write(
      kind,
      name,
      (current) => {
        const expected = patch.metadata?.resourceVersion;
        if (expected !== undefined && current.resourceVersion > expected)
          throw new ConflictError(`${label(kind, name)} was changed meanwhile; read it again`);
        const { record } = current;
        const manifest = parse(kind, {
          apiVersion: 'sac/v1',
          kind,
          metadata: {
            name,
            labels: mergePatch(record.labels, patch.metadata?.labels ?? {}),
            annotations: mergePatch(record.annotations, patch.metadata?.annotations ?? {}),
          },
          spec: mergePatch(record.spec, patch.spec ?? {}),
        });
        if (kind === 'GitSource') this.#assertNoCircle(manifest);
        const { byHand: _, ...next } = this.#next(kind, manifest, record, record.source);
        if (patch.force !== true) this.#assertSameMachine(record, next);
        const why = `Changed by ${by.name}.`;
        if (record.source.kind !== 'git' || isOrphaned(this.#options.store, record.source))
          return { record: next, why };
        const { theirs, disputed } = changedByHand(record, next, this.#same);
        if (disputed.length > 0 && patch.force !== true) throw refusedByCommit(record, disputed);
        return { record: { ...next, ...(theirs.length > 0 && { byHand: theirs }) }, why };
      },
      patch.dryRun,
    );
    return this.#view(kind, name);
  }

  async remove(kind: ObjectKind, name: string, request: DeleteRequest, by: Caller): Promise<DeclaredObject> {
    const { store } = this.#options;
    const current = this.#current(kind, name);
    const needed = request.force ? undefined : this.#options.neededBy(kind, name);
    if (needed !== undefined) throw new ConflictError(`${label(kind, name)} is needed: ${needed}`);
    const last = this.#view(kind, name);
    if (request.dryRun) return last;
    await store.commit(
      [{ type: 'delete-object', expected: current.resourceVersion, kind, name }],
      [this.#event(kind, name, 'Deleted', `Deleted by ${by.name}.`)],
    );
    return last;
  }

  #assertSameMachine(before: ObjectRecord, next: ObjectRecord): void {
    const { canonical, neededBy } = this.#options;
    assertSameMachine(before, next, { canonical, living: (host) => neededBy('Host', host) });
  }

  /** Sources that wait for each other would wait for ever, and none would say why. */
  #assertNoCircle({ name, spec }: Parsed, beside: ApplyRequest['items'] = []): void {
    const asked = new Map(
      beside
        .filter(({ manifest }) => manifest.kind === 'GitSource')
        .map(({ manifest }) => [manifest.metadata?.name, needsOf(manifest.spec)] as const),
    );
    const circle = circleThrough(name, (one) =>
      one === name
        ? needsOf(spec)
        : (asked.get(one) ?? this.#options.store.object('GitSource', one)?.record.spec.dependsOn ?? []),
    );
    if (circle !== undefined) throw new InvalidError([`spec.dependsOn: waits for itself: ${circle}`]);
  }

  async #applyOnce(kind: ObjectKind, manifest: Parsed, request: ApplyRequest, by: Caller): Promise<ApplyResult> {
    const { store, canonical } = this.#options;
    const { name } = manifest;
    const current = store.object(kind, name);
    const before = current?.record;
    const asking = request.source;
    const ours = !before || (before.source.kind === asking.kind && before.source.name === asking.name);
    // By hand a thing is changed, not taken away from the commit that declares it.
    const keeps = before?.source.kind === 'git' && asking.kind === 'apply' && !isOrphaned(store, before.source);
    const source = keeps ? before.source : asking;
    const { theirs, ...wanted } =
      before?.source.kind === 'git' && (ours || keeps) ? withHand(before, manifest) : { ...manifest, theirs: [] };
    const hand = theirs.length > 0 && { byHand: theirs };
    const next: ObjectRecord = { ...this.#next(kind, { ...wanted, name }, before, source), ...hand };
    const same = before !== undefined && canonical(declared(before)) === canonical(declared(next));
    if (before && !ours && !same && request.force !== true && before.source.kind !== 'apply')
      throw new ConflictError(
        `${label(kind, name)} is declared by ${before.source.kind} ${before.source.name}; change it there, or use --force`,
      );
    if (before && !request.force) this.#assertSameMachine(before, next);
    const action = !before ? 'created' : same ? 'unchanged' : 'configured';
    const result: ApplyResult = {
      kind,
      name,
      action,
      generation: next.generation,
      restarts: false,
      ...(request.dryRun && { ...(before && { before: comparable(before) }), after: comparable(next) }),
    };
    if (request.dryRun || (same && (!ours || canonical(place(before.source)) === canonical(place(source)))))
      return result;
    const why = `${before ? 'Changed' : 'Declared'} by ${asking.kind === 'apply' ? by.name : `${asking.kind} ${asking.name}`}.`;
    try {
      await store.commit(
        [{ type: 'put-object', expected: current?.resourceVersion ?? 0, record: next }],
        same ? [] : [this.#event(kind, name, before ? 'Configured' : 'Created', why)],
      );
    } catch (error) {
      if (error instanceof ConflictError && store.object(kind, name)?.resourceVersion !== current?.resourceVersion)
        throw new RacedError(error.message);
      throw error;
    }
    return result;
  }

  #next(
    kind: ObjectKind,
    { name, labels, annotations, spec }: Parsed,
    before: ObjectRecord | undefined,
    source: ObjectRecord['source'],
  ): ObjectRecord {
    const { clock, canonical } = this.#options;
    const changed = before === undefined || canonical(before.spec) !== canonical(spec);
    return {
      kind,
      name,
      labels,
      annotations,
      // The kind's own schema parsed it.
      spec: spec as unknown as ObjectRecord['spec'],
      generation: (before?.generation ?? 0) + (changed ? 1 : 0),
      createdAt: before?.createdAt ?? clock.now(),
      source,
      status: before?.status ?? {},
    };
  }

  async #write(
    kind: ObjectKind,
    name: string,
    change: (current: Versioned<ObjectRecord>) => { readonly record: ObjectRecord; readonly why: string },
    dryRun = false,
  ): Promise<void> {
    const { store, canonical } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const current = this.#current(kind, name);
      const { record, why } = change(current);
      if (dryRun || canonical(declared(record)) === canonical(declared(current.record))) return;
      try {
        await store.commit(
          [{ type: 'put-object', expected: current.resourceVersion, record }],
          [this.#event(kind, name, 'Configured', why)],
        );
        return;
      } catch (error) {
        if (!(error instanceof ConflictError) || attempt >= ATTEMPTS) throw error;
      }
    }
  }

  readonly #same = (a: unknown, b: unknown): boolean => this.#options.canonical([a]) === this.#options.canonical([b]);

  #current(kind: ObjectKind, name: string): Versioned<ObjectRecord> {
    const current = this.#options.store.object(kind, name);
    if (!current && kind === 'Host' && name === LOCAL_HOST) throw new BadRequestError(LOCAL_IS_BUILT_IN);
    if (!current)
      throw new NotFoundError(
        `${label(kind, name)} not found; \`sac get ${OBJECT_KINDS[kind].plural}\` lists what there is`,
      );
    return current;
  }

  #view(kind: ObjectKind, name: string): DeclaredObject {
    const view = this.#options.store.viewObjects(kind).find(({ metadata }) => metadata.name === name);
    if (!view) throw new NotFoundError(`${label(kind, name)} is gone`);
    return view;
  }

  #event(kind: ObjectKind, name: string, reason: string, message: string): RecordedEvent {
    return { type: 'Normal', reason, message, at: this.#options.clock.now(), regarding: { kind, name } };
  }
}

/** Somebody else wrote in between. */
class RacedError extends ConflictError {}

interface Parsed {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Readonly<Record<string, unknown>>;
}

function parse(kind: ObjectKind, input: unknown): Parsed {
  const checked = check(OBJECT_MANIFESTS[kind], input);
  if (!checked.ok) throw new InvalidError(checked.issues.map(({ path, message }) => `${formatPath(path)}: ${message}`));
  const { name, labels = {}, annotations = {} } = checked.value.metadata;
  if (name === undefined) throw new InvalidError(['metadata.name: is required']);
  return { name, labels, annotations, spec: checked.value.spec };
}

const needsOf = (spec: object | undefined): readonly string[] => {
  const needs: unknown = spec && 'dependsOn' in spec ? spec.dependsOn : undefined;
  return Array.isArray(needs) ? needs.map(String) : [];
};
const label = (kind: ObjectKind, name: string): string => `${OBJECT_KINDS[kind].singular} "${name}"`;
/** The revision told is the one that last changed it. */
const place = ({ kind, name, path }: ObjectRecord['source']) => ({ kind, name, path });
const declared = ({ labels, annotations, spec }: ObjectRecord) => ({ labels, annotations, spec });
const comparable = ({ kind, name, labels, annotations, spec }: ObjectRecord): Comparable => ({
  apiVersion: 'sac/v1',
  kind,
  metadata: { name, labels, annotations },
  spec,
});

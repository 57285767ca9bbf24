/**
 * Owns: all GitSources of the fleet: a loop for each that is declared, and what the API asks of them.
 * Never: lets one source wait for another, but where dependsOn says so.
 */
import type { SourcePlan, SyncSourceRequest } from '../../../../api/protocol.ts';
import { BadRequestError, DeniedError, ImpossibleError, NotFoundError } from '../../../../api/resources/errors.ts';
import type { GitSourceSpec } from '../../../../api/resources/kinds/git-source.ts';
import type { DeclaredObject } from '../../../../api/resources/kinds/kinds.ts';
import type { Source } from '../../../../api/resources/meta.ts';
import type { SourceActions } from '../../../../api/server/ports.ts';
import type { Timers } from '../../../reconcile/work-queue.ts';
import type { Store, StoreEvent } from '../../../store/store.ts';
import type { FleetPort } from '../fleet-port.ts';
import { GitSource } from '../git-source.ts';
import type { ManifestReader } from '../reading/reader.ts';
import { readSecret, type SecretPlaces } from '../repository/credentials.ts';
import { GitError } from '../repository/git-error.ts';
import type { SourceRepository } from '../repository/repository.ts';
import { conditionOf } from '../status.ts';
import { Deliveries, judge } from '../webhook.ts';
import { SourceLoop, statusOf } from './source-loop.ts';
import { Turns } from './turns.ts';

export interface GitSourcesOptions {
  readonly store: Store;
  readonly fleet: FleetPort;
  readonly repositoryOf: (name: string, spec: GitSourceSpec) => SourceRepository;
  readonly secrets: SecretPlaces;
  /** Reads large commits elsewhere; absent: here. */
  readonly far?: ManifestReader;
  readonly timers: Timers;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Equal texts: equal values. */
  readonly canonical: (value: unknown) => string;
  readonly observe: (source: string, result: 'success' | 'error', seconds: number) => void;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

/** Whoever asked hears how far it is, before the client gives up. */
const ANSWER_MS = 25_000;

export class GitSources implements SourceActions, AsyncDisposable {
  readonly #options: GitSourcesOptions;
  readonly #loops = new Map<string, SourceLoop>();
  readonly #generations = new Map<string, number>();
  readonly #deliveries = new Deliveries();
  readonly #turns: Turns;
  /** Why pushes to a source cannot be checked, as it was told last. */
  readonly #unchecked = new Map<string, string>();
  #watch: Disposable | undefined;

  constructor(options: GitSourcesOptions) {
    this.#options = options;
    this.#turns = new Turns(options.timers);
  }

  start(): void {
    const { store } = this.#options;
    this.#watch = store.watch(store.version, (event) => this.#changed(event));
    for (const { record } of store.objects('GitSource')) this.#declared(record.name, record.generation);
  }

  /** What came from `source` was changed by another hand. */
  touched(source: Source | undefined): void {
    if (source?.kind === 'git') this.#loops.get(source.name)?.touched();
  }

  async sync(name: string, { force, to }: SyncSourceRequest): Promise<DeclaredObject> {
    const loop = this.#loop(name);
    const before = statusOf(this.#view(name)).heldAt;
    const hold = to === undefined ? null : await loop.expand(to);
    if (hold !== null && !/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(hold))
      throw new BadRequestError(`commit ${to} is not known here; give its full id`);
    await this.#within(loop.sync({ hold, ...(force && { force }) }));
    const fetched = conditionOf(statusOf(this.#view(name)), 'Fetched');
    if (hold !== null && fetched?.status === 'False') {
      // A commit that is not there is nothing to stand on.
      await this.#within(loop.sync({ hold: before ?? null }));
      throw new ImpossibleError(`gitsource "${name}" cannot go to ${hold}: ${fetched.message}`);
    }
    return this.#view(name);
  }

  async plan(name: string): Promise<SourcePlan> {
    const loop = this.#loop(name);
    try {
      return await loop.plan();
    } catch (error) {
      if (error instanceof GitError) throw new ImpossibleError(`gitsource "${name}": ${error.message}`);
      throw error;
    }
  }

  async notice(
    name: string,
    notice: {
      readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
      readonly body: string;
    },
  ): Promise<{ readonly accepted: boolean; readonly detail: string }> {
    const spec = this.#options.store.object('GitSource', name)?.record.spec;
    // Whether there is such a source is told to nobody who does not know its secret.
    const refuse = () => new DeniedError('the notice is not signed with the secret of such a source');
    if (spec?.webhook === undefined) throw refuse();
    const { secretEnv, secretFile } = spec.webhook;
    const secret = await readSecret(
      { ...(secretEnv !== undefined && { env: secretEnv }), ...(secretFile !== undefined && { file: secretFile }) },
      this.#options.secrets,
    ).catch((error: unknown) => {
      this.#cannotCheck(name, error instanceof Error ? error.message : String(error));
      throw refuse();
    });
    const verdict = judge({ headers: notice.headers, body: Buffer.from(notice.body) }, secret, spec.ref);
    switch (verdict.outcome) {
      case 'refused':
        throw refuse();
      case 'ignored':
        return { accepted: false, detail: verdict.why };
      case 'sync':
        if (!this.#deliveries.take(name, verdict.digest, this.#options.timers.now()))
          return { accepted: false, detail: 'this notice was taken before' };
        void this.#loops.get(name)?.sync();
        return { accepted: true, detail: 'the source syncs now' };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    await Promise.all([...this.#loops.values()].map((loop) => loop[Symbol.asyncDispose]()));
  }

  /** The forge hears nothing of why (anybody may ask), so its owner must: once for each reason, however often it is asked. */
  #cannotCheck(name: string, why: string): void {
    const { store, timers, log } = this.#options;
    log('webhook secret cannot be read', { source: name, error: why });
    if (this.#unchecked.get(name) === why) return;
    this.#unchecked.set(name, why);
    const message = `A push was refused, because its signature cannot be checked: ${why}.`;
    const regarding = { kind: 'GitSource' as const, name };
    store
      .commit([], [{ type: 'Warning', reason: 'WebhookSecretMissing', message, at: timers.now(), regarding }])
      .catch((error: unknown) => log('event was not written', { source: name, error: String(error) }));
  }

  #changed({ type, object }: StoreEvent): void {
    if (object.kind === 'Agent') {
      const { source } = object.metadata;
      if (source?.kind !== 'git') return;
      const loop = this.#loops.get(source.name);
      if (type === 'DELETED') loop?.touched();
      else loop?.healthChanged();
      return;
    }
    if (type === 'DELETED' && 'source' in object.metadata) this.touched(object.metadata.source);
    if (object.kind !== 'GitSource') return;
    const { name, generation } = object.metadata;
    if (type !== 'DELETED') {
      this.#declared(name, generation);
      return;
    }
    const loop = this.#loops.get(name);
    this.#loops.delete(name);
    this.#generations.delete(name);
    this.#unchecked.delete(name);
    loop
      ?.forget()
      .catch((error: unknown) =>
        this.#options.log('copy of a repository could not be removed', { source: name, error: String(error) }),
      );
  }

  /** Its status alone is our own doing. */
  #declared(name: string, generation: number): void {
    if (this.#generations.get(name) === generation) return;
    this.#generations.set(name, generation);
    const known = this.#loops.get(name);
    const loop = known ?? this.#make(name);
    this.#loops.set(name, loop);
    void loop.redeclared();
  }

  #make(name: string): SourceLoop {
    const { store, fleet, far, repositoryOf, timers, random, canonical, observe, log } = this.#options;
    const turns = this.#turns;
    return new SourceLoop({
      name,
      store,
      timers,
      random,
      canonical,
      log,
      observe: (result, seconds) => observe(name, result, seconds),
      open(spec: GitSourceSpec) {
        const repository = repositoryOf(name, spec);
        return {
          repository,
          source: new GitSource({ name, repository, fleet, turns, now: () => timers.now(), ...(far && { far }) }),
        };
      },
      notReady: (names) =>
        names.filter((other) => {
          const found = store.object('GitSource', other);
          if (!found) return true;
          const status = statusOf(found.record);
          // As it was before its spec changed says nothing of what it is to be.
          return (
            status.observedGeneration !== found.record.generation || conditionOf(status, 'Ready')?.status !== 'True'
          );
        }),
    });
  }

  #loop(name: string): SourceLoop {
    const loop = this.#loops.get(name);
    if (!loop) throw new NotFoundError(`gitsource "${name}" not found; \`sac get sources\` lists what there is`);
    return loop;
  }

  #view(name: string): DeclaredObject<'GitSource'> {
    const found = this.#options.store.viewObjects('GitSource').find(({ metadata }) => metadata.name === name);
    if (found?.kind !== 'GitSource') throw new NotFoundError(`gitsource "${name}" is gone`);
    return found as DeclaredObject<'GitSource'>;
  }

  #within(work: Promise<void>): Promise<void> {
    const { promise, resolve } = answerLater(this.#options.timers);
    return Promise.race([work, promise]).finally(resolve);
  }
}

function answerLater(timers: Timers): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let cancel: () => void = () => undefined;
  const promise = new Promise<void>((passed) => {
    cancel = timers.after(ANSWER_MS, passed);
  });
  return { promise, resolve: () => cancel() };
}

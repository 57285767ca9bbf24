/**
 * Owns: an agents directory as a source of intentions: what its files declare is applied, what left it is deleted.
 * Never: deletes anything because it could not read; a directory that is away, and a file that is broken, change nothing.
 *
 * Bound: events are only a hint; however many come, one reading runs and at most one more waits.
 */
import { statSync } from 'node:fs';
import { watch } from 'chokidar';
import type { Collected } from '../../api/manifests/files.ts';
import { SacError } from '../../api/resources/errors.ts';
import type { ObjectKind } from '../../api/resources/kinds/kinds.ts';
import type { Source } from '../../api/resources/meta.ts';
import type { Caller, ResourceWrites } from '../../api/server/ports.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import type { AgentRecord, ObjectRecord } from '../store/store.ts';
import { commitOf } from './work-tree.ts';

export interface DirectorySourceOptions {
  readonly dir: string;
  readonly writes: Pick<ResourceWrites, 'apply' | 'remove' | 'removeObject'>;
  readonly records: () => Iterable<AgentRecord>;
  readonly objects: () => Iterable<ObjectRecord>;
  /** Reads the directory as it is now; `ok` false when it could not be read at all. */
  readonly read: (dir: string) => Promise<Collected & { readonly ok: boolean }>;
  /** Hears of each thing that was declared here and is gone, by whomever. */
  readonly onGone: (hear: () => void) => Disposable;
  readonly timers: Timers;
  /** Watch by asking again and again: for network file systems, which tell nothing. */
  readonly polling: boolean;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

/** Editors write in several steps; what is seen after this pause is likely whole. */
const SETTLE_MS = 100;
/** A folder in which something changes all the time is read all the same, this long after the first change. */
const UNSETTLED_MS = 1_000;
/** A manifest must have been gone this long, at two readings, before its agent is deleted: editors save by rename. */
const GONE_MS = 2_000;
/** After a conflict (the agent is still being deleted) the directory is read again. */
const RETRY_MS = 1_000;

export class DirectorySource implements AsyncDisposable {
  readonly #options: DirectorySourceOptions;
  readonly #source: Source;
  readonly #caller: Caller;
  #problems: readonly string[] = [];
  #missingSince = new Map<string, number>();
  #reading: Promise<void> | undefined;
  #again = false;
  #cancelSoon: (() => void) | undefined;
  /** When the reading that is waited for was first asked for. */
  #waitsSince: number | undefined;
  #watcher: ReturnType<typeof watch> | undefined;
  #gone: Disposable | undefined;
  #folder: { readonly device: number; readonly inode: number } | undefined;
  /** An empty directory deletes nothing until this process has seen it hold something: it may not be mounted yet. */
  #heldSomething = false;
  #away = false;
  #closed = false;

  constructor(options: DirectorySourceOptions) {
    this.#options = options;
    this.#source = { kind: 'directory', name: options.dir };
    this.#caller = { name: `directory ${options.dir}`, role: 'admin' };
  }

  get dir(): string {
    return this.#options.dir;
  }

  /** What is wrong with the files now; each a whole line. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  async start(): Promise<void> {
    await this.resync();
    // What is still declared comes back; what was deleted because it is not, does not.
    this.#gone = this.#options.onGone(() => this.#soon(SETTLE_MS));
    this.#watchFiles();
  }

  /** A watch dies with the folder it was set on, so it is set anew whenever the directory is back. */
  #watchFiles(): void {
    const { dir, polling, log } = this.#options;
    void this.#watcher?.close();
    if (this.#closed) return;
    this.#watcher = watch(dir, {
      ignoreInitial: true,
      // Below an agent's folder lies only its to_home tree; what is deeper is found at the next resync.
      depth: 6,
      followSymlinks: false,
      usePolling: polling,
      interval: 1_000,
      ignorePermissionErrors: true,
    });
    this.#watcher.on('all', () => this.#soon(SETTLE_MS));
    // What changed since the last reading and before everything was watched told nothing.
    this.#watcher.on('ready', () => this.#soon(SETTLE_MS));
    this.#watcher.on('error', (error) =>
      log('watching failed; the directory is still read at every resync', { dir, error: String(error) }),
    );
  }

  /** Reads the whole directory and makes the store agree. Calls that come while it runs share one more run. */
  resync(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    if (this.#reading) {
      this.#again = true;
      return this.#reading;
    }
    this.#reading = this.#readRepeatedly().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#gone?.[Symbol.dispose]();
    this.#cancelSoon?.();
    await this.#watcher?.close();
    await this.#reading;
  }

  #soon(delayMs: number): void {
    if (this.#closed) return;
    const { timers } = this.#options;
    this.#cancelSoon?.();
    this.#waitsSince ??= timers.now();
    const patience = Math.max(delayMs, UNSETTLED_MS) - (timers.now() - this.#waitsSince);
    this.#cancelSoon = timers.after(Math.max(0, Math.min(delayMs, patience)), () => {
      this.#cancelSoon = undefined;
      this.#waitsSince = undefined;
      void this.resync();
    });
  }

  async #readRepeatedly(): Promise<void> {
    const { dir, log } = this.#options;
    do {
      this.#again = false;
      try {
        await this.#readOnce();
      } catch (error) {
        if (error instanceof SacError && error.reason === 'Fenced') return;
        log('agents directory could not be applied; it will be tried again', { dir, error: String(error) });
        this.#soon(RETRY_MS);
      }
    } while (this.#again && !this.#closed);
  }

  async #readOnce(): Promise<void> {
    const { dir, writes, read } = this.#options;
    const found = await read(dir);
    const problems = found.problems.map(({ text }) => text);
    const present = new Set([
      ...[...found.objects, ...found.documents].map(({ kind, name }) => `${kind}/${name}`),
      ...this.#declaredHere()
        .filter(({ name }) => found.brokenNames.has(name))
        .map(({ kind, name }) => `${kind}/${name}`),
    ]);
    if (!found.ok || !this.#isOurs(present)) {
      this.#problems =
        problems.length > 0
          ? problems
          : [`${dir}: another file system appeared in its place; nothing is deleted until it is back`];
      this.#missingSince.clear();
      this.#away = true;
      return;
    }
    if (this.#away && this.#watcher) this.#watchFiles();
    this.#away = false;
    const revision = await commitOf(dir);
    const { errors } = await writes.apply(
      {
        items: [
          ...found.objects.map(({ origin, manifest }) => ({ origin, manifest })),
          ...found.documents.map(({ name, origin, manifest, parsed, lines }) => ({
            origin,
            ...(lines && { lines }),
            checked: parsed,
            manifest,
            files: found.files.get(name) ?? [],
          })),
        ],
        source: { ...this.#source, ...(revision !== undefined && { revision }) },
      },
      this.#caller,
    );
    if (errors.some(({ reason }) => reason === 'Conflict' || reason === 'NotWritten')) this.#soon(RETRY_MS);
    this.#problems = [...problems, ...errors.map(({ origin, message }) => `${origin} ${message}`)];
    this.#heldSomething ||= present.size > 0 || found.brokenNames.size > 0;
    if (this.#heldSomething) await this.#deleteGone(present);
    else if (this.#declaredHere().length > 0)
      this.#problems = [
        ...this.#problems,
        `${dir} is empty although ${this.#declaredHere().length} things came from it; they are kept. Delete them with \`sac delete\` if that is meant`,
      ];
  }

  /** Only what this directory declared, and only when it was gone at two readings apart. */
  async #deleteGone(present: ReadonlySet<string>): Promise<void> {
    const { writes, timers } = this.#options;
    const missing = new Map<string, number>();
    for (const { kind, name } of this.#declaredHere()) {
      const key = `${kind}/${name}`;
      if (present.has(key)) continue;
      const since = this.#missingSince.get(key) ?? timers.now();
      if (timers.now() - since < GONE_MS) missing.set(key, since);
      else if (kind === 'Agent') await writes.remove(name, {}, this.#caller);
      else await writes.removeObject(kind, name, {}, this.#caller);
    }
    this.#missingSince = missing;
    if (missing.size > 0) this.#soon(GONE_MS);
  }

  /** Agents first: what they need goes after them. */
  #declaredHere(): readonly { readonly kind: 'Agent' | ObjectKind; readonly name: string }[] {
    const ours = ({ source }: { readonly source: Source }) =>
      source.kind === this.#source.kind && source.name === this.#source.name;
    const agents = [...this.#options.records()].filter((record) => ours(record) && record.deletedAt === undefined);
    return [
      ...agents.map(({ name }) => ({ kind: 'Agent' as const, name })),
      ...[...this.#options.objects()].filter(ours).map(({ kind, name }) => ({ kind, name })),
    ];
  }

  /**
   * An unmounted directory looks empty: its place is taken by the folder below, often on another device. One that is
   * mounted anew may have another number, and is ours when all that came from it is there.
   */
  #isOurs(present: ReadonlySet<string>): boolean {
    const now = statSync(this.#options.dir, { throwIfNoEntry: false });
    if (!now) return this.#folder === undefined;
    const before = this.#folder;
    const sameDevice = before === undefined || now.dev === before.device;
    if (!sameDevice && !this.#declaredHere().every(({ kind, name }) => present.has(`${kind}/${name}`))) return false;
    if (before && (!sameDevice || now.ino !== before.inode)) {
      // Another folder (also below a bind mount that is gone): while it holds nothing, that deletes nothing.
      this.#heldSomething = false;
      this.#missingSince.clear();
      if (this.#watcher) this.#watchFiles();
    }
    this.#folder = { device: now.dev, inode: now.ino };
    return true;
  }
}

/** Asked again and again where the file system does not tell: NFS, SMB, 9p, FUSE. Types of statfs(2). */
const SILENT_FILE_SYSTEMS = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x65735546]);
export const needsPolling = (fileSystemType: number): boolean => SILENT_FILE_SYSTEMS.has(fileSystemType >>> 0);

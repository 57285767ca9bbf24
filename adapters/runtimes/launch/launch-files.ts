/**
 * Owns: where the launch files of one fleet lie on one machine, one an incarnation: an order that comes late writes its own, not that of
 * its successor. And that they go once their incarnation is over.
 * Never: takes away the file of an incarnation that may still be begun: a queued job reads it days later.
 */
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import { SharedLook } from '../reap/shared-look.ts';
import type { PlaceDirs } from '../runtime.ts';

/** `folder`: below the fleet's, for files of another kind. Names of instances have no dot. */
export const launchFilePath = (
  dirs: PlaceDirs,
  { id, incarnation }: { readonly id: InstanceId; readonly incarnation: Instant },
  folder = 'launch',
): string => `${dirs.run}/${folder}/${instanceNameOf(id)}.${incarnation}.sh`;

const NAME = /^([^.]+)\.(\d+)\.sh$/;
/** An argument list is bounded; so many names are far below it. */
const NAMES_AT_ONCE = 1_000;

export class LaunchFiles {
  readonly #transport: Transport;
  readonly #folder: string;
  readonly #clears = new SharedLook(() => this.#clear());
  /** By name, what the next look clears away. Bound: one an instance. */
  #over = new Map<string, Instant>();

  constructor(transport: Transport, dirs: PlaceDirs, folder = 'launch') {
    this.#transport = transport;
    this.#folder = `${dirs.run}/${folder}`;
  }

  /** This incarnation and all before it are over; those who say so at the same time share one look. */
  over(id: InstanceId, incarnation: Instant): Promise<void> {
    const name = instanceNameOf(id);
    this.#over.set(name, Math.max(incarnation, this.#over.get(name) ?? incarnation));
    return this.#clears.ask();
  }

  async allOver(over: ReadonlyMap<InstanceId, Instant>): Promise<void> {
    await Promise.all([...over].map(([id, incarnation]) => this.over(id, incarnation)));
  }

  /** One listing, however many names; a folder that is missing is an empty one. */
  async #clear(): Promise<void> {
    const over = this.#over;
    this.#over = new Map();
    const files = (await this.#names()).filter((file) => {
      const [, name = '', incarnation] = NAME.exec(file) ?? [];
      return Number(incarnation) <= (over.get(name) ?? Number.NEGATIVE_INFINITY);
    });
    await this.#remove(files.map((file) => `${this.#folder}/${file}`));
  }

  async #names(): Promise<readonly string[]> {
    const { readFolder } = this.#transport;
    if (readFolder) return readFolder(this.#folder);
    const { stdout } = await this.#transport.run(['ls', '--', this.#folder]);
    return stdout.split('\n');
  }

  async #remove(paths: readonly string[]): Promise<void> {
    const { removeFiles } = this.#transport;
    if (removeFiles) return removeFiles(paths);
    for (let at = 0; at < paths.length; at += NAMES_AT_ONCE)
      await this.#transport.run(['rm', '-f', '--', ...paths.slice(at, at + NAMES_AT_ONCE)]);
  }
}

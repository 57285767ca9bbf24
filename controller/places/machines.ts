/**
 * Owns: the machines that agents can live on: this one, and every declared Host: how each is reached and what was found there.
 * A host that cannot be reached is tried again; what lives there is unknown meanwhile, never gone.
 * Never: places agents, or decides about one.
 */
import type { Runtime, RuntimeContext } from '../../adapters/runtimes/runtime.ts';
import { type Transport, TransportError } from '../../adapters/transport/transport.ts';
import type { HostSpec } from '../../api/resources/kinds/host.ts';
import { type FleetId, type HostName, LOCAL_HOST } from '../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import type { PlaceHands } from '../controller.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import { prepareHome } from './preparing.ts';
import { joined, type Probed, probeMissing, probeRuntimes } from './probing.ts';
import { whoAnswers, withheldBy } from './same-user.ts';

/** What is known of a machine that was reached. */
export interface Reached extends Probed {
  readonly workspaces: string;
  readonly userHome: string;
}

export interface Machine {
  readonly name: HostName;
  /** Undefined: this machine. */
  readonly spec?: HostSpec;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined: not reached since this process began, or since its declaration changed. */
  readonly reached?: Reached;
  readonly problem?: string;
  /** It was not tried to its end yet, nor for long: worth waiting for. The problem says so. */
  readonly connecting?: true;
  /** It answers and is not used all the same: the problem, then. */
  readonly refused?: string;
  /** Its declaration makes no connection, and why: the end of a sentence. It is not tried again. */
  readonly unusable?: string;
  readonly latencyMs?: DurationMs;
  /** When our lease there was last renewed. */
  readonly renewedAt?: Instant;
}

export interface DeclaredHost {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: HostSpec;
}

export interface PlacesChange {
  readonly added: readonly PlaceHands[];
  readonly gone: readonly PlaceHands[];
  /** Their host answers again. */
  readonly back?: readonly PlaceHands[];
}

export interface MachinesOptions {
  readonly fleet: FleetId;
  readonly local: {
    readonly transport: Transport;
    readonly runtimes: readonly Runtime[];
    readonly workspaces: string;
    readonly userHome: string;
    readonly lease: string;
  };
  readonly connect: (host: DeclaredHost) => Transport;
  readonly createRuntimes: (context: RuntimeContext) => readonly (Runtime & AsyncDisposable)[];
  readonly timers: Timers;
  readonly timeoutMs: DurationMs;
  /** Agents that are believed to live on a host now. */
  readonly living: (host: HostName) => readonly string[];
  /** What can be had where is other than it was. */
  readonly onChange: (change: PlacesChange) => void;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

/** A first try that takes longer keeps nobody waiting. */
export const FIRST_CONTACT_MS: DurationMs = 20_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 4_000;
/** Between two renewals of our lease there, which also tell how far away it is. */
const RENEW_MS = 5_000;
/** As long as it is lost: all is to be well again within 10 s of its return, of which a try that is under way may take a part. */
const RENEW_LOST_MS = 2_000;
/** What is not installed is asked for again after this; `sac host check` asks at once. */
const LOOK_AGAIN_MS: DurationMs = 120_000;
interface Remote {
  readonly declared: DeclaredHost;
  readonly transport: Transport;
  /** Raised when it was let go: what is under way for it is dropped. */
  closed: boolean;
  runtimes: readonly (Runtime & AsyncDisposable)[];
  machine: Machine;
  failures: number;
  lease: string;
  cancel?: () => void;
}

export class Machines implements AsyncDisposable {
  readonly #options: MachinesOptions;
  readonly #remotes = new Map<HostName, Remote>();
  /** Who answers, of all that were reached. */
  readonly #who = new Map<HostName, string>();
  #local: Machine;
  #closed = false;
  #cancelLook: (() => void) | undefined;

  constructor(options: MachinesOptions) {
    this.#options = options;
    this.#local = { name: LOCAL_HOST, labels: {} };
  }

  /** `local` first, then by name. */
  list(): readonly Machine[] {
    const remotes = [...this.#remotes.values()].map(({ machine }) => machine);
    return [this.#local, ...remotes.sort((a, b) => (a.name < b.name ? -1 : 1))];
  }

  get(name: HostName): Machine | undefined {
    return name === LOCAL_HOST ? this.#local : this.#remotes.get(name)?.machine;
  }

  /** Another name for the same user on the same machine, that was reached before. */
  twinOf(name: HostName): HostName | undefined {
    const who = this.#who.get(name);
    const [first] = [...this.#who].filter(([, other]) => other === who).map(([other]) => other);
    return first === name ? undefined : first;
  }

  async #meet(name: HostName, transport: Transport): Promise<void> {
    const who = await whoAnswers(transport, this.#options.timeoutMs);
    if (who === undefined) this.#who.delete(name);
    else this.#who.set(name, who);
  }

  leaseFile(name: HostName): string {
    return this.#remotes.get(name)?.lease ?? this.#options.local.lease;
  }

  transportOf(name: HostName): Transport | undefined {
    return name === LOCAL_HOST ? this.#options.local.transport : this.#remotes.get(name)?.transport;
  }

  /** Looks at this machine. Throws when not even that can be done. */
  async reachLocal(): Promise<readonly PlaceHands[]> {
    const { transport, runtimes, workspaces, userHome } = this.#options.local;
    await this.#meet(LOCAL_HOST, transport);
    const probed = await probeRuntimes({ name: LOCAL_HOST, transport, runtimes, allowed: undefined });
    this.#local = { name: LOCAL_HOST, labels: {}, reached: { ...probed, workspaces, userHome } };
    this.#lookAgainLater();
    return probed.places;
  }

  /** Asks for what was missing there: it may have been installed since. Never rejects; a machine that is not reached is left alone. */
  async lookAgain(name: HostName): Promise<void> {
    const remote = this.#remotes.get(name);
    const machine = () => (name === LOCAL_HOST ? this.#local : remote?.machine);
    const { reached } = machine() ?? {};
    const transport = this.transportOf(name);
    if (!reached || !transport || reached.missing.size === 0) return;
    const runtimes = remote?.runtimes ?? this.#options.local.runtimes;
    const allowed = remote?.declared.spec.runtimes;
    const asked = { name, transport, runtimes, allowed, withheld: withheldBy(this.twinOf(name)) };
    const found = await probeMissing(asked, reached).catch(() => undefined);
    const known = machine();
    if (!found || !known?.reached || remote?.closed || this.#closed) return;
    const { after, fresh } = joined(known.reached, found, runtimes);
    const now = { ...known, reached: { ...known.reached, ...after } };
    if (remote) remote.machine = now;
    else this.#local = now;
    if (fresh.length > 0) this.#options.onChange({ added: fresh, gone: [] });
  }

  #lookAgainLater(): void {
    this.#cancelLook = this.#options.timers.after(LOOK_AGAIN_MS, () => {
      const due = [...this.#remotes.values()].filter(({ machine }) => machine.problem === undefined);
      void Promise.all(
        [LOCAL_HOST, ...due.map(({ machine }) => machine.name)].map((name) => this.lookAgain(name)),
      ).then(() => this.#closed || this.#lookAgainLater());
    });
  }

  /** Makes the machines be the declared ones; connecting goes on in the background. Resolves after the first try of each. */
  async declare(hosts: readonly DeclaredHost[]): Promise<void> {
    const wanted = new Map(hosts.map((host) => [host.name as HostName, host]));
    for (const [name, remote] of this.#remotes) {
      const host = wanted.get(name);
      if (host && sameWay(host.spec, remote.declared.spec)) {
        this.#remotes.set(
          name,
          Object.assign(remote, { declared: host, machine: { ...remote.machine, ...declaredPart(host) } }),
        );
        this.#options.onChange({ added: [], gone: [] });
      } else await this.#letGo(name, remote);
    }
    const fresh = [...wanted].filter(([name]) => !this.#remotes.has(name));
    await Promise.all(fresh.map(([name, host]) => this.#begin(name, host)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#cancelLook?.();
    await Promise.all([...this.#remotes].map(([name, remote]) => this.#letGo(name, remote)));
  }

  async #begin(name: HostName, declared: DeclaredHost): Promise<void> {
    const { connect } = this.#options;
    let transport: Transport;
    try {
      transport = connect(declared);
    } catch (error) {
      const unusable = `cannot be connected to as it is declared: ${messageOf(error)}`;
      const machine: Machine = { name, ...declaredPart(declared), problem: `it ${unusable}`, unusable };
      this.#remotes.set(name, {
        declared,
        transport: UNUSABLE,
        closed: false,
        runtimes: [],
        machine,
        failures: 0,
        lease: '',
      });
      return;
    }
    const machine: Machine = { name, ...declaredPart(declared), problem: 'being connected', connecting: true };
    const remote: Remote = { declared, transport, closed: false, runtimes: [], machine, failures: 0, lease: '' };
    this.#remotes.set(name, remote);
    const { timers, onChange } = this.#options;
    // It is declared from now on, and nothing is known of it.
    onChange({ added: [], gone: [] });
    remote.cancel = timers.after(FIRST_CONTACT_MS, () => {
      const { connecting: _, ...known } = remote.machine;
      remote.machine = { ...known, problem: 'it has not answered yet' };
      onChange({ added: [], gone: [] });
    });
    await this.#reach(remote);
  }

  async #reach(remote: Remote): Promise<void> {
    const { fleet, createRuntimes, timers, timeoutMs, onChange, log } = this.#options;
    const { transport } = remote;
    try {
      const { name: host } = remote.machine;
      const home = await prepareHome(transport, { fleet, host, living: this.#options.living(host), timeoutMs });
      if (remote.closed) return;
      const base = `${home}/.sac/${fleet}`;
      if (remote.runtimes.length === 0)
        remote.runtimes = createRuntimes({
          fleet,
          dirs: { run: `${base}/run`, logs: `${base}/logs` },
          now: () => timers.now(),
          timeoutMs,
        });
      const { name } = remote.machine;
      const { runtimes, declared } = remote;
      await this.#meet(name, transport);
      const withheld = withheldBy(this.twinOf(name));
      const probed = await probeRuntimes({ name, transport, runtimes, allowed: declared.spec.runtimes, withheld });
      if (remote.closed) return;
      remote.cancel?.();
      const { problem: _, refused: __, connecting: ___, ...known } = remote.machine;
      remote.machine = { ...known, reached: { ...probed, workspaces: `${base}/workspaces`, userHome: home } };
      remote.failures = 0;
      remote.lease = `${base}/run/lease`;
      log('host reached', { host: name, runtimes: probed.places.map(({ place }) => place.runtime) });
      onChange({ added: probed.places, gone: [] });
      await this.#renew(remote);
    } catch (error) {
      if (remote.closed) return;
      remote.cancel?.();
      const problem = messageOf(error);
      const news = remote.machine.problem !== problem;
      const { refused: _, connecting: __, ...known } = remote.machine;
      remote.machine = { ...known, problem, ...(!(error instanceof TransportError) && { refused: problem }) };
      remote.failures++;
      const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (remote.failures - 1));
      remote.cancel = timers.after(wait, () => void this.#reach(remote));
      if (news) onChange({ added: [], gone: [] });
    }
  }

  /** Once reached, a host keeps its places: whether they answer is told by looking at them. */
  async #renew(remote: Remote): Promise<void> {
    const { timers, timeoutMs, onChange } = this.#options;
    const before = timers.now();
    const wasLost = remote.machine.problem !== undefined;
    try {
      const { code, stderr } = await remote.transport.run(['touch', '--', remote.lease], { timeoutMs });
      if (code !== 0) throw new Error(`the lease could not be renewed: ${stderr.trim()}`);
      const { problem: _, ...known } = remote.machine;
      // The time it was asked for: whatever ran out there did so counting from then.
      remote.machine = { ...known, latencyMs: timers.now() - before, renewedAt: before };
    } catch (error) {
      remote.machine = { ...remote.machine, problem: messageOf(error) };
    }
    if (remote.closed) return;
    const isLost = remote.machine.problem !== undefined;
    const back = wasLost && !isLost ? (remote.machine.reached?.places ?? []) : [];
    if (wasLost || isLost) onChange({ added: [], gone: [], back });
    remote.cancel = timers.after(isLost ? RENEW_LOST_MS : RENEW_MS, () => void this.#renew(remote));
  }

  async #letGo(name: HostName, remote: Remote): Promise<void> {
    remote.closed = true;
    remote.cancel?.();
    this.#remotes.delete(name);
    const who = this.#who.get(name);
    this.#who.delete(name);
    this.#options.onChange({ added: [], gone: remote.machine.reached?.places ?? [] });
    // What was withheld from them for its sake may be theirs now.
    if (!this.#closed) for (const [twin, other] of this.#who) if (other === who) void this.lookAgain(twin);
    for (const thing of [...remote.runtimes, remote.transport]) await quietly(thing);
  }
}

const declaredPart = ({ labels, spec }: DeclaredHost) => ({ labels, spec });
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What is let go of may be gone already. */
async function quietly(thing: AsyncDisposable): Promise<void> {
  try {
    await thing[Symbol.asyncDispose]();
  } catch {
    // It cannot be reached, which is why it is let go of.
  }
}

/** Placement applies in place; another way to reach it means another machine. */
const sameWay = (a: HostSpec, b: HostSpec): boolean => JSON.stringify(wayOf(a)) === JSON.stringify(wayOf(b));
const wayOf = ({ cordoned: _, drain: __, maxAgents: ___, ...way }: HostSpec) => way;

/** Stands in where a host's declaration does not even make a connection. */
const unusable = (): never => {
  throw new Error('the host cannot be connected to as it is declared');
};
const UNUSABLE: Transport = {
  host: LOCAL_HOST,
  run: async () => unusable(),
  converse: unusable,
  putFiles: async () => unusable(),
  interactive: (argv) => argv,
  [Symbol.asyncDispose]: async () => undefined,
};

/**
 * Owns: what agents and machines use now: one look a machine, only when asked, shared by all who ask at the same time.
 * Never: looks by itself, or lets a machine that does not answer keep the others waiting.
 */
import type { LookAtUsage, MachineUsage } from '../../adapters/runtimes/machine-usage.ts';
import type { HostUsage, InstanceUsage, UsageReport } from '../../api/protocol.ts';
import type { Instance } from '../../api/resources/agent/agent.ts';
import { type FleetId, type HostName, type InstanceId, instanceId } from '../../api/resources/names.ts';
import { type DurationMs, isoTime } from '../../api/resources/time.ts';
import type { Place } from '../plan/desired-instance.ts';
import type { Timers } from '../reconcile/work-queue.ts';

export interface UsageOptions {
  readonly fleet: FleetId;
  readonly timers: Timers;
  /** The machines there are; `look` absent: it was not reached, and why. */
  readonly machines: () => readonly {
    readonly name: HostName;
    readonly look?: LookAtUsage;
    readonly problem?: string;
  }[];
  /** What was last seen, at all places. */
  readonly sightings: () => Iterable<{ readonly id: InstanceId; readonly place: Place; readonly pid: number }>;
  readonly instances: () => readonly Instance[];
  readonly tokensPerMinute: (instance: string) => number | undefined;
}

/** Asked again within this time, the same look answers. */
const FRESH: DurationMs = 400;
/** A machine slower than this is told as not answering; its look goes on and serves whoever asks next. */
const PATIENCE: DurationMs = 2_500;

interface Looked {
  readonly usage?: MachineUsage;
  readonly problem?: string;
}
interface Looking {
  readonly looked: Promise<Looked>;
  endedAt?: number;
}

export class UsageReads {
  readonly #options: UsageOptions;
  readonly #looks = new Map<HostName, Looking>();

  constructor(options: UsageOptions) {
    this.#options = options;
  }

  async read(selects: (instance: Instance) => boolean): Promise<UsageReport> {
    const { fleet, timers, machines, instances, tokensPerMinute } = this.#options;
    const known = machines();
    for (const name of this.#looks.keys())
      if (!known.some((machine) => machine.name === name)) this.#looks.delete(name);
    const roots = this.#roots();
    const looked = new Map(
      await Promise.all(
        known.map(async ({ name, look, problem = 'it has not been reached' }) => {
          const answer = look ? await this.#look(name, look, roots.get(name) ?? new Map()) : { problem };
          return [String(name), answer] as const;
        }),
      ),
    );
    return {
      at: isoTime(timers.now()),
      hosts: [...looked].map(([name, { usage, problem }]) => hostUsage(name, usage, problem)),
      instances: instances()
        .filter(selects)
        .map((instance) =>
          instanceUsage(instance, tokensPerMinute(instance.metadata.name), {
            id: instanceId(fleet, instance.metadata.name),
            machine: looked.get(instance.spec.host)?.usage,
          }),
        ),
    };
  }

  /** What is seen to run, by machine and process. */
  #roots(): ReadonlyMap<HostName, ReadonlyMap<number, InstanceId>> {
    const roots = new Map<HostName, Map<number, InstanceId>>();
    for (const { id, place, pid } of this.#options.sightings()) {
      const here = roots.get(place.host) ?? new Map<number, InstanceId>();
      roots.set(place.host, here.set(pid, id));
    }
    return roots;
  }

  #look(name: HostName, look: LookAtUsage, roots: ReadonlyMap<number, InstanceId>): Promise<Looked> {
    const { timers } = this.#options;
    const last = this.#looks.get(name);
    const usable = last && (last.endedAt === undefined || timers.now() - last.endedAt < FRESH);
    const looking: Looking = usable ? last : { looked: begin(look, roots) };
    if (!usable) {
      this.#looks.set(name, looking);
      void looking.looked.then(() => {
        looking.endedAt = timers.now();
      });
    }
    return new Promise((resolve) => {
      const cancel = timers.after(PATIENCE, () =>
        resolve({ problem: `it did not answer within ${PATIENCE / 1000} s` }),
      );
      void looking.looked.then((answer) => {
        cancel();
        resolve(answer);
      });
    });
  }
}

async function begin(look: LookAtUsage, roots: ReadonlyMap<number, InstanceId>): Promise<Looked> {
  try {
    return { usage: await look(roots) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function hostUsage(name: string, usage: MachineUsage | undefined, problem: string | undefined): HostUsage {
  if (!usage) return { name, ...(problem !== undefined && { problem }) };
  const { families: _, ...machine } = usage;
  return { name, machine };
}

function instanceUsage(
  { metadata, spec, status }: Instance,
  tokensPerMinute: number | undefined,
  at: { readonly id: InstanceId; readonly machine: MachineUsage | undefined },
): InstanceUsage {
  const { contextUsedRatio, tokensToday } = status.reading ?? {};
  const family = at.machine?.families.get(at.id);
  return {
    instance: metadata.name,
    ...spec,
    phase: status.phase,
    activity: status.activity,
    ...(status.startedAt !== undefined && { startedAt: status.startedAt }),
    ...(contextUsedRatio !== undefined && { contextUsedRatio }),
    ...(tokensToday !== undefined && { tokensToday }),
    ...(tokensPerMinute !== undefined && { tokensPerMinute }),
    ...family,
  };
}

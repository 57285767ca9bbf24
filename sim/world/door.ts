/**
 * Owns: how declarations reach the store in the simulation, as a watched directory would push them: validated whole,
 * written only when they differ, again and again until they are in.
 * Never: touches the world.
 */
import { type AgentSpec, agentSpecSchema } from '../../api/resources/agent/agent.ts';
import type { DurationMs } from '../../api/resources/time.ts';
import { canonicalJson } from '../../controller/plan/launch-hash.ts';
import { revise } from '../../controller/plan/rollout/revisions.ts';
import type { AgentRecord } from '../../controller/store/store.ts';
import type { Disk } from './memory-store.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface DoorBugs {
  /** An invalid manifest is taken for an empty one, as far as it goes. */
  readonly takesInvalid?: boolean;
}

/** What was asked for one agent, with times: the truth that restarts are checked against. */
export interface Declaration {
  readonly at: number;
  readonly name: string;
  /** Undefined: deleted. */
  readonly spec: AgentSpec | undefined;
}

const RETRY_MS: DurationMs = 100;
const SOURCE = { kind: 'directory', name: '/agents' } as const;
const withoutRevisions = ({
  revisions: _r,
  rollout: _o,
  paused: _p,
  rejected: _j,
  ...record
}: AgentRecord): AgentRecord => record;

export class Door {
  /** Last valid declaration of each agent; absent or undefined: none is wanted. */
  readonly declared = new Map<string, AgentSpec | undefined>();
  /** Everything that may have changed what is wanted, in order. */
  readonly log: Declaration[] = [];
  invalid = 0;
  readonly #disk: Disk;
  readonly #time: VirtualTime;
  readonly #bugs: DoorBugs;
  readonly #pending = new Set<string>();

  constructor(disk: Disk, time: VirtualTime, bugs: DoorBugs) {
    this.#disk = disk;
    this.#time = time;
    this.#bugs = bugs;
  }

  apply(name: string, manifest: unknown): void {
    const parsed = agentSpecSchema.safeParse(manifest);
    if (!parsed.success) {
      this.invalid++;
      if (!this.#bugs.takesInvalid) return;
      this.#declare(name, agentSpecSchema.parse({ command: ['half'] }));
      return;
    }
    this.#declare(name, parsed.data);
  }

  delete(name: string): void {
    this.#declare(name, undefined);
  }

  /** `sac restart`. */
  restart(name: string): void {
    const found = this.#disk.agents.get(name);
    if (!found || found.record.deletedAt !== undefined) return;
    this.log.push({ at: this.#time.now(), name, spec: found.record.spec });
    this.#disk.write([
      { type: 'put-agent', expected: found.resourceVersion, record: { ...found.record, restartAt: this.#time.now() } },
    ]);
  }

  /** Everything again, as after the database was lost. */
  pushAll(): void {
    for (const name of this.declared.keys()) this.#push(name);
  }

  #declare(name: string, spec: AgentSpec | undefined): void {
    this.declared.set(name, spec);
    this.#push(name);
  }

  #push(name: string): void {
    const spec = this.declared.get(name);
    const found = this.#disk.agents.get(name);
    const before = found?.record;
    if (before?.deletedAt !== undefined && spec) {
      this.#again(name);
      return;
    }
    if (!spec) {
      if (!before || before.deletedAt !== undefined) return;
      this.#write({ ...before, deletedAt: this.#time.now() }, found.resourceVersion);
      return;
    }
    if (before && canonicalJson(before.spec) === canonicalJson(spec)) return;
    this.#write(
      {
        name,
        labels: {},
        annotations: {},
        source: SOURCE,
        lastApplied: { spec: {} },
        createdAt: this.#time.now(),
        ...(before && withoutRevisions(before)),
        spec,
        generation: (before?.generation ?? 0) + 1,
        ...revise(before, spec, {
          at: this.#time.now(),
          by: 'door',
          source: SOURCE,
          slots: ({ replicas }) => Array.from({ length: replicas }, (_, n) => (n === 0 ? name : `${name}-${n}`)),
        }),
      },
      found?.resourceVersion ?? 0,
    );
  }

  #write(record: AgentRecord, expected: number): void {
    this.log.push({
      at: this.#time.now(),
      name: record.name,
      spec: record.deletedAt === undefined ? record.spec : undefined,
    });
    this.#disk.write([{ type: 'put-agent', expected, record }]);
  }

  /** Still being deleted: it can be declared anew when it is gone. */
  #again(name: string): void {
    if (this.#pending.has(name)) return;
    this.#pending.add(name);
    this.#time.after(RETRY_MS, () => {
      this.#pending.delete(name);
      this.#push(name);
    });
  }
}

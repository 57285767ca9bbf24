/**
 * Owns: which runtimes a machine has, asked of each; and what is different when it is asked again later.
 * Never: decides when to ask, or keeps anything.
 */
import type { Runtime } from '../../adapters/runtimes/runtime.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import type { RuntimeKind } from '../../api/resources/agent/agent.ts';
import type { HostName } from '../../api/resources/names.ts';
import type { PlaceHands } from '../controller.ts';

export type ProbedPlace = PlaceHands & { readonly detail: string };

export interface Probed {
  readonly places: readonly ProbedPlace[];
  /** Runtimes that cannot be used there, and why. */
  readonly missing: ReadonlyMap<RuntimeKind, string>;
}

export interface ProbedMachine {
  readonly name: HostName;
  readonly transport: Transport;
  readonly runtimes: readonly Runtime[];
  /** Those that may be used there; absent: all. */
  readonly allowed: readonly RuntimeKind[] | undefined;
  /** Those that may not, and why. */
  readonly withheld?: ReadonlyMap<RuntimeKind, string>;
}

/** Throws TransportError when the machine cannot be asked. */
export async function probeRuntimes({
  name: host,
  transport,
  runtimes,
  allowed,
  withheld,
}: ProbedMachine): Promise<Probed> {
  const places: ProbedPlace[] = [];
  const missing = new Map<RuntimeKind, string>();
  await Promise.all(
    runtimes.map(async (runtime) => {
      if (allowed && !allowed.includes(runtime.kind)) {
        missing.set(runtime.kind, 'not among spec.runtimes of the host');
        return;
      }
      const why = withheld?.get(runtime.kind);
      if (why !== undefined) {
        missing.set(runtime.kind, why);
        return;
      }
      const { available, detail } = await runtime.probe(transport);
      const { lacks = [] } = runtime.capabilities;
      const limits = lacks.length > 0 ? `; cannot ${lacks.join(', cannot ')}` : '';
      const place = { host, runtime: runtime.kind };
      if (available) places.push({ place, runtime, transport, detail: `${detail}${limits}` });
      else missing.set(runtime.kind, detail);
    }),
  );
  return { places: inOrder(places, runtimes), missing };
}

/** What was missing is asked for once more; what is there stays there: whether it answers is told by looking at it. */
export async function probeMissing(machine: ProbedMachine, { missing }: Probed): Promise<Probed> {
  return probeRuntimes({ ...machine, runtimes: machine.runtimes.filter(({ kind }) => missing.has(kind)) });
}

/** `fresh`: what `before` had not. */
export function joined(
  before: Probed,
  now: Probed,
  runtimes: readonly Runtime[],
): { readonly after: Probed; readonly fresh: readonly ProbedPlace[] } {
  // Somebody else may have asked at the same time.
  const fresh = now.places.filter(({ place }) => before.missing.has(place.runtime));
  const missing = new Map([...before.missing, ...now.missing]);
  for (const { place } of [...before.places, ...fresh]) missing.delete(place.runtime);
  return { after: { places: inOrder([...before.places, ...fresh], runtimes), missing }, fresh };
}

function inOrder(places: readonly ProbedPlace[], runtimes: readonly Runtime[]): readonly ProbedPlace[] {
  const order = runtimes.map(({ kind }) => kind);
  return places.toSorted((a, b) => order.indexOf(a.place.runtime) - order.indexOf(b.place.runtime));
}

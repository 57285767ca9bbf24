/**
 * Owns: the fleet as git sources see it: what is declared, by whom, whether it is ready; writes of one commit as one.
 * Never: decides what is written.
 */
import type { Agent } from '../../../../api/resources/agent/agent.ts';
import { isObjectKind, OBJECT_KIND_NAMES } from '../../../../api/resources/kinds/kinds.ts';
import type { ResourceWrites } from '../../../../api/server/ports.ts';
import type { Store } from '../../../store/store.ts';
import { isOrphaned } from '../../ownership.ts';
import { inOneCommit } from '../../staged-writes.ts';
import type { FleetPort, FleetThing } from '../fleet-port.ts';

export function fleetOf(store: Store, writesOver: (store: Store) => ResourceWrites): FleetPort {
  return {
    *things(): Iterable<FleetThing> {
      for (const agent of store.viewAgents()) {
        const { name, source = { kind: 'apply', name: 'cli' }, deletionTimestamp } = agent.metadata;
        yield {
          key: `Agent/${name}`,
          source,
          orphaned: isOrphaned(store, source),
          undone: store.agent(name)?.record.rejected !== undefined,
          deleting: deletionTimestamp !== undefined,
          ready: readinessOf(agent),
        };
      }
      for (const kind of OBJECT_KIND_NAMES)
        for (const { record } of store.objects(kind))
          yield {
            key: `${kind}/${record.name}`,
            source: record.source,
            orphaned: isOrphaned(store, record.source),
            deleting: false,
            ready: undefined,
          };
    },
    transaction: (work) =>
      inOneCommit(store, (staged) => {
        const writes = writesOver(staged);
        return work({
          apply: (request, by) => writes.apply(request, by),
          async remove(key, by) {
            const [kind = '', name = ''] = key.split('/');
            if (isObjectKind(kind)) await writes.removeObject(kind, name, {}, by);
            else await writes.remove(name, {}, by);
          },
          async applied(source, what) {
            const found = staged.object('GitSource', source);
            if (found?.record.status['lastAppliedRevision'] === what.lastAppliedRevision || !found) return;
            const record = { ...found.record, status: { ...found.record.status, ...what } };
            await staged.commit([{ type: 'put-object', expected: found.resourceVersion, record }]);
          },
        });
      }),
  };
}

/** Undefined: it is as it should be without being ready: at rest, or done. */
function readinessOf({ metadata, spec, status }: Agent): boolean | undefined {
  const current = status.observedGeneration === metadata.generation;
  if (spec.suspend || status.held !== undefined || spec.replicas === 0) return undefined;
  const done = status.phase === 'Succeeded';
  const waitsForItsTime = spec.schedule !== undefined && status.phase === 'Stopped';
  if (current && (done || waitsForItsTime)) return undefined;
  return current && status.ready;
}

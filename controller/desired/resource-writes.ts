/**
 * Owns: one `apply` over all kinds: what agents need comes before the agents, and nothing is pruned when anything was refused.
 * Never: writes by itself.
 */
import type { ApplyItem, ApplyResponse } from '../../api/protocol.ts';
import { BadRequestError } from '../../api/resources/errors.ts';
import { isObjectKind, type ObjectKind } from '../../api/resources/kinds/kinds.ts';
import type { Caller, ReadRequest, ResourceWrites } from '../../api/server/ports.ts';
import type { StoredAgentWrites } from './agents/agent-writes.ts';
import type { StoredObjectWrites } from './object-writes.ts';

type ObjectItem = ApplyItem & { readonly manifest: { readonly kind: ObjectKind } };
const isObjectItem = (item: ApplyItem): item is ObjectItem => isObjectKind(item.manifest.kind);

export function joinWrites(agents: StoredAgentWrites, objects: StoredObjectWrites): ResourceWrites {
  const apply = async (request: ReadRequest, by: Caller): Promise<ApplyResponse> => {
    if (request.prune && request.items.length === 0)
      throw new BadRequestError(
        'prune with no manifests would delete everything of this source; delete by name or with --all instead',
      );
    const outcomes = await Promise.all(
      request.items.filter(isObjectItem).map((item) => objects.applyItem(item, request, by)),
    );
    const refused = outcomes.flatMap((outcome) => ('message' in outcome ? [outcome] : []));
    const items = request.items.filter((item) => !isObjectItem(item));
    const { prune, ...rest } = request;
    const prunes = prune && refused.length === 0;
    const response = await agents.apply({ ...rest, items, ...(prunes && { prune }) }, by);
    const errors = [...refused, ...response.errors];
    const kept = new Set(request.items.map(({ manifest }) => `${manifest.kind}/${manifest.metadata?.name}`));
    const pruned = prunes && errors.length === 0 ? await objects.prune(request, kept, by) : [];
    return {
      results: [
        ...outcomes.flatMap((outcome) => ('action' in outcome ? [outcome] : [])),
        ...response.results,
        ...pruned,
      ],
      errors,
    };
  };
  return {
    apply,
    create: (manifest, by) => agents.create(manifest, by),
    replace: (name, body, by) => agents.replace(name, body, by),
    patch: (name, patch, by) => agents.patch(name, patch, by),
    remove: (name, request, by) => agents.remove(name, request, by),
    restart: (name, request, by) => agents.restart(name, request, by),
    patchObject: (kind, name, patch, by) => objects.patch(kind, name, patch, by),
    removeObject: (kind, name, request, by) => objects.remove(kind, name, request, by),
  };
}

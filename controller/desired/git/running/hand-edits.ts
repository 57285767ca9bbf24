/**
 * Owns: that a git source hears of each change by another hand to what it declared.
 * Never: refuses or changes a write.
 */
import type { Agent } from '../../../../api/resources/agent/agent.ts';
import { type DeclaredObject, isObjectKind } from '../../../../api/resources/kinds/kinds.ts';
import type { Source } from '../../../../api/resources/meta.ts';
import type { ResourceWrites, RolloutWrites } from '../../../../api/server/ports.ts';
import type { Store } from '../../../store/store.ts';

/** `touched` is told where each changed thing comes from. What is deleted is told of when it is gone (GitSources). */
export function tellingSources(
  writes: ResourceWrites,
  sourceOf: (kind: string, name: string) => Source | undefined,
  touched: (source: Source | undefined) => void,
): ResourceWrites {
  const telling = async <T extends Agent | DeclaredObject>(change: Promise<T>): Promise<T> => {
    const changed = await change;
    touched(changed.metadata.source);
    return changed;
  };
  return {
    ...writes,
    async apply(request, by) {
      const response = await writes.apply(request, by);
      if (request.dryRun !== true)
        for (const { kind, name, action } of response.results)
          if (action === 'configured') touched(sourceOf(kind, name));
      return response;
    },
    replace: (...args) => telling(writes.replace(...args)),
    patch: (name, patch, by) => (patch.dryRun ? writes.patch(name, patch, by) : telling(writes.patch(name, patch, by))),
    patchObject: (kind, name, patch, by) =>
      patch.dryRun ? writes.patchObject(kind, name, patch, by) : telling(writes.patchObject(kind, name, patch, by)),
  };
}

export const tellingRollouts = (
  rollouts: RolloutWrites,
  touched: (source: Source | undefined) => void,
): RolloutWrites => ({
  revisions: (name) => rollouts.revisions(name),
  async rollout(...args) {
    const agent = await rollouts.rollout(...args);
    touched(agent.metadata.source);
    return agent;
  },
});

export const sourceOf =
  (store: Pick<Store, 'agent' | 'object'>) =>
  (kind: string, name: string): Source | undefined =>
    isObjectKind(kind) ? store.object(kind, name)?.record.source : store.agent(name)?.record.source;

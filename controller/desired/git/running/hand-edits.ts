/**
 * Owns: that a git source hears of each change by another hand to what it declared.
 * Never: refuses or changes a write.
 */
import type { Agent } from '../../../../api/resources/agent/agent.ts';
import type { Source } from '../../../../api/resources/meta.ts';
import type { ResourceWrites, RolloutWrites } from '../../../../api/server/ports.ts';

/** `touched` is told where each changed agent comes from. What is deleted is told of when it is gone (GitSources). */
export function tellingSources(
  writes: ResourceWrites,
  sourceOf: (agent: string) => Source | undefined,
  touched: (source: Source | undefined) => void,
): ResourceWrites {
  const telling = async (change: Promise<Agent>): Promise<Agent> => {
    const agent = await change;
    touched(agent.metadata.source);
    return agent;
  };
  return {
    ...writes,
    async apply(request, by) {
      const response = await writes.apply(request, by);
      if (request.dryRun !== true)
        for (const { kind, name, action } of response.results)
          if (kind === 'Agent' && action === 'configured') touched(sourceOf(name));
      return response;
    },
    replace: (...args) => telling(writes.replace(...args)),
    patch: (name, patch, by) => (patch.dryRun ? writes.patch(name, patch, by) : telling(writes.patch(name, patch, by))),
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

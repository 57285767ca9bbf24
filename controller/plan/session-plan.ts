/**
 * Owns: which conversation an agent starts with, as its manifest says.
 * Never: looks whether there is one; that is done where the agent lives.
 */
import type { AgentSpec } from '../../api/resources/agent/agent.ts';
import type { SessionPlan } from './desired-instance.ts';

/** Where a CLI keeps its conversations, as planning needs to know it. */
export interface SessionFacts {
  readonly folder: string;
  readonly files: string;
  readonly holds: string;
  readonly continueArgs: readonly string[];
  readonly resumeArgs: (id: string) => readonly string[];
}

export function planSession({ session }: AgentSpec, { resumeArgs, ...lookup }: SessionFacts): SessionPlan {
  const { mode, id, continueMaxAgeMinutes } = typeof session === 'string' ? { mode: session } : session;
  return {
    mode,
    resumeArgs: mode === 'resume' && id !== undefined ? resumeArgs(id) : [],
    lookup: { ...lookup, ...(continueMaxAgeMinutes !== undefined && { maxAgeMinutes: continueMaxAgeMinutes }) },
  };
}

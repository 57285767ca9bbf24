/**
 * Owns: the launch that most agent CLIs have: program, model flag.
 * Never: knows where it runs.
 */
import type { AgentSpec } from '../../api/resources/agent/agent.ts';
import type { LaunchCommand } from './profile.ts';

export const launchCli =
  (program: string, modelFlag: string) =>
  (spec: AgentSpec): LaunchCommand => ({
    argv: [...(spec.command ?? [program]), ...(spec.model === undefined ? [] : [modelFlag, spec.model])],
    env: {},
  });

/** What the manifest itself says on the command line. */
export const wordsOf = (spec: AgentSpec): readonly string[] => spec.command ?? [];

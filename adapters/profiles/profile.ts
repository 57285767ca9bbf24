/**
 * Owns: the contract of one agent CLI: how it is launched. Dialogs, screens, hooks and transcripts join with the agents work.
 * Never: knows where the CLI runs.
 */
import type { AgentSpec, ProfileName } from '../../api/resources/agent.ts';

export interface LaunchCommand {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What one agent CLI is like. Data and pure functions. */
export interface Profile {
  readonly name: ProfileName;
  /** Whether idle and working can be told apart; without it, OnIdle restarts at once. */
  readonly readsActivity: boolean;
  launch(spec: AgentSpec): LaunchCommand;
}

/**
 * Owns: the list of agent CLIs, and the little that launching needs to know of each.
 * Never: knows where the CLI runs. Dialogs, screens, sessions and transcripts join with the agents work, a folder a CLI.
 */
import type { AgentSpec, ProfileName } from '../../api/resources/agent.ts';
import type { LaunchCommand, Profile } from './profile.ts';

interface Cli {
  readonly program: string;
  readonly modelFlag: string;
}

/** Program and the flag that names the model, from each CLI's own --help. */
const CLIS: Readonly<Record<Exclude<ProfileName, 'exec'>, Cli>> = {
  'claude-code': { program: 'claude', modelFlag: '--model' },
  codex: { program: 'codex', modelFlag: '--model' },
  gemini: { program: 'gemini', modelFlag: '--model' },
  aider: { program: 'aider', modelFlag: '--model' },
  cursor: { program: 'cursor-agent', modelFlag: '--model' },
  opencode: { program: 'opencode', modelFlag: '--model' },
  pi: { program: 'pi', modelFlag: '--model' },
};

const launchCli =
  ({ program, modelFlag }: Cli) =>
  (spec: AgentSpec): LaunchCommand => ({
    argv: [...(spec.command ?? [program]), ...(spec.model === undefined ? [] : [modelFlag, spec.model])],
    env: {},
  });

export function createProfiles(): ReadonlyMap<ProfileName, Profile> {
  const exec: Profile = {
    name: 'exec',
    readsActivity: false,
    launch: (spec) => ({ argv: spec.command ?? [], env: {} }),
  };
  const names = Object.keys(CLIS) as (keyof typeof CLIS)[];
  return new Map<ProfileName, Profile>([
    ['exec', exec],
    ...names.map((name) => [name, { name, readsActivity: false, launch: launchCli(CLIS[name]) }] as const),
  ]);
}

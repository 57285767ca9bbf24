/**
 * Owns: putting sac's hooks into the settings of an agent's CLI, in its workspace, before it starts.
 * Never: loses what the user wrote there, or keeps an agent from starting.
 */
import type { Transport } from '../../transport/transport.ts';
import type { SettingsChange } from '../claude-code/hook-settings.ts';

export interface HookSettings {
  /** Below the workspace. */
  readonly file: string;
  readonly merge: (text: string | undefined) => SettingsChange;
}

/** Returns what a person should know: why the file was left alone, or why hooks will not run. */
export async function setUpHooks(
  transport: Transport,
  workspace: string,
  { file, merge }: HookSettings,
): Promise<string | undefined> {
  const path = `${workspace}/${file}`;
  // A link would let the workspace have any file of ours written.
  const { code, stdout } = await transport.run(['sh', '-c', READ, 'sac-hooks', path]);
  if (code === LINK) return `${file} is a symbolic link; sac's hooks were not added`;
  const change = merge(code === ABSENT ? undefined : stdout);
  if (change.state === 'refused') return `${file} ${change.reason}; sac's hooks were not added`;
  if (change.state === 'changed') await transport.putFiles([{ path, content: change.content, mode: 0o600 }]);
  return change.inert === undefined ? undefined : `${file}: ${change.inert}, so that sac's hooks do not run`;
}

const ABSENT = 3;
const LINK = 4;
const READ = `[ -L "$1" ] || [ -L "$(dirname -- "$1")" ] && exit ${LINK}; [ -f "$1" ] || exit ${ABSENT}; cat -- "$1"`;

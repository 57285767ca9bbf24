/**
 * Owns: finding a program in Claude Code's settings that gives it keys (`apiKeyHelper`): it wins over the login of an account,
 * and nothing on the screen says whose key is used. By experiment with 2.1.197.
 * Never: runs it, changes a settings file, or shows what stands there.
 */
import type { Transport } from '../../transport/transport.ts';

const NAMES = ['.claude/settings.json', '.claude/settings.local.json'];
const MANAGED = '/etc/claude-code/managed-settings.json';
/** sh -c FIND sac-key-helper HOME CONFIG FILE...: "" for a home or a folder that nobody named. */
const FIND =
  'home=${1:-$HOME}; config=${2:-$home/.claude}; shift 2; grep -lE \'"apiKeyHelper"[[:space:]]*:[[:space:]]*"[^"]\' -- "$config/settings.json" "$@" 2>/dev/null; exit 0';

export interface HelperOf {
  readonly cwd: string;
  /** What the agent is started with, as far as it is known. */
  readonly env: Readonly<Record<string, string>>;
}

/** Settings files that name one, on that machine. What cannot be read has none. */
export async function keyHelpers(transport: Transport, { cwd, env }: HelperOf): Promise<readonly string[]> {
  const { HOME: home = '', CLAUDE_CONFIG_DIR: config = '' } = env;
  const files = [...NAMES.map((name) => `${cwd}/${name}`), MANAGED];
  const { stdout } = await transport.run(['sh', '-c', FIND, 'sac-key-helper', home, config, ...files]);
  return stdout.split('\n').filter((file) => file !== '');
}

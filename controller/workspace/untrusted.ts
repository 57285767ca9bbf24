/**
 * Owns: configuration that is code for the agent and lies in a folder that is not trusted: set aside before its first start there.
 * Never: deletes anything, or touches what came to be there after that: it is the agent's own doing.
 */
import type { Transport } from '../../adapters/transport/transport.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import { RefusedFiles } from './place-look.ts';

/**
 * strip WORKSPACE ID. Prints what was set aside, one name a line. The mark holds the id: a folder that brings one along cannot
 * know it. A `.claude` that is a link is set aside itself, so that nothing is moved where it leads.
 */
const STRIP = `
fail() { printf '%s\\n' "$1" >&2; exit 3; }
mkdir -p -- "$1" 2>/dev/null && cd -- "$1" 2>/dev/null || fail "workspace $1 cannot be used"
umask 077
[ ! -L .sac ] || fail '.sac is a symbolic link'
[ -f .sac/untrusted ] && [ ! -L .sac/untrusted ] && [ "$(cat .sac/untrusted)" = "$2" ] && exit 0
aside() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  as=$1.untrusted number=1
  while [ -e "$as" ] || [ -L "$as" ]; do number=$((number + 1)) as=$1.untrusted.$number; done
  mv -- "$1" "$as" || fail "$1 cannot be set aside"
  printf '%s\\n' "$as"
}
aside .mcp.json; aside .envrc; aside .claude.json
if [ -L .claude ]; then aside .claude; else
  for name in .claude/settings*.json .claude/hooks .claude/plugins; do aside "$name"; done
fi
mkdir -p .sac && rm -f .sac/untrusted && printf %s "$2" > .sac/untrusted || fail '.sac cannot be written to'`;

/** The new names of what was set aside; [] at every start but the first. Throws RefusedFiles, TransportError. */
export async function setAsideUntrusted(cwd: string, id: InstanceId, transport: Transport): Promise<readonly string[]> {
  const { code, stdout, stderr } = await transport.run(['sh', '-c', STRIP, 'sac-untrusted', cwd, id]);
  if (code !== 0) throw new RefusedFiles(stderr.trim().slice(-300) || `setting aside ended with code ${code}`);
  return stdout.split('\n').filter((name) => name !== '');
}

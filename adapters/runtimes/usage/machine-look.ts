/**
 * Owns: the one command that tells what a machine and all agents on it use, through any transport.
 * Never: runs by itself; each look is somebody's question. The script is a constant, data is passed as "$1".
 */
import type { FleetId } from '../../../api/resources/names.ts';
import type { DurationMs } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import type { LookAtUsage } from '../machine-usage.ts';
import { RuntimeError } from '../runtime.ts';
import { parseUsage } from './families.ts';

/**
 * Facts of the machine as `name value`, then the marks, then the stat of all: one grep and one cat, however many agents there are.
 * Environments that cannot be read are other users'. Where grep knows no -z, marks are missing and descent alone tells.
 */
const LOOK = `
cd /proc 2>/dev/null && [ -r self/stat ] || exit 3
LC_ALL=C; export LC_ALL
echo "self $$"
echo "tick $(getconf CLK_TCK 2>/dev/null || echo 100)"
echo "page $(getconf PAGESIZE 2>/dev/null || echo 4096)"
echo "cpus $(grep -c '^cpu[0-9]' stat)"
head -n 1 stat
echo "load $(cat loadavg)"
grep -E '^(MemTotal|MemAvailable):' meminfo
echo "uptime $(cat uptime)"
echo --
grep -Hzaoxm 1 -e "SAC_ID=$1[.][a-z0-9-]*" [0-9]*/environ 2>/dev/null | tr '\\0' '\\n'
echo --
cat [0-9]*/stat 2>/dev/null
exit 0
`;

export const createUsageLook =
  (transport: Transport, fleet: FleetId, timeoutMs: DurationMs): LookAtUsage =>
  async (roots) => {
    const { stdout, stderr } = await transport.run(['sh', '-c', LOOK, 'sac-usage', fleet], { timeoutMs });
    const usage = parseUsage(stdout, fleet, roots);
    if (!usage)
      throw new RuntimeError(
        `the processes on ${transport.host} cannot be seen (needs /proc)${stderr === '' ? '' : `: ${stderr.trim()}`}`,
      );
    return usage;
  };

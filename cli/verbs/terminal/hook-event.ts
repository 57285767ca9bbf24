/**
 * Owns: `sac hook-event` where the program runs under node directly; `sac` itself answers before node starts, see build.mjs.
 * Never: fails: an agent's tool call waits for it, and a code of 2 would block it.
 */
import { appendFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HOOK_KINDS, spoolLine } from '../../../api/resources/agent/hook-event.ts';
import { EXIT } from '../../../api/resources/errors.ts';
import { NAME_PATTERN } from '../../../api/resources/names.ts';
import type { Run } from '../../verb.ts';

const LONGEST = 65_000;

export const run: Run = async ([word, flag, value], _options, { env, home, stdin }) => {
  try {
    const payload = Buffer.from(await stdin())
      .subarray(0, LONGEST)
      .toString('utf8');
    const named = flag === '--agent' ? value : undefined;
    const agent = named ?? env['SAC_AGENT'] ?? '';
    const own = named === undefined ? env['SAC_HOOK_SPOOL'] : undefined;
    const spool = own || (NAME_PATTERN.test(agent) ? join(home.hooks, `${agent}.spool`) : undefined);
    if (spool === undefined) return EXIT.done;
    await mkdir(dirname(spool), { recursive: true, mode: 0o700 });
    const kind = HOOK_KINDS.find((known) => known === word) ?? 'other';
    // Appending in one piece: events of concurrent hooks do not mix.
    await appendFile(spool, spoolLine(kind, Date.now(), payload), { mode: 0o600 });
  } catch {
    // Nothing an agent could do about it; that no events come is told by the controller.
  }
  return EXIT.done;
};

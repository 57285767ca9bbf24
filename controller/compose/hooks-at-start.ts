/**
 * Owns: what an agent's CLI needs in the moment of its start so that its hooks are heard: settings, program, spool, variables.
 * Never: keeps an agent from starting: one whose hooks cannot be set up is read by its screen and its record.
 */
import { join } from 'node:path';
import { setUpHooks } from '../../adapters/profiles/hooks/set-up.ts';
import { SPOOL_VARIABLE, SPOOLER_SCRIPT, SPOOLER_VARIABLE } from '../../adapters/profiles/hooks/spooler.ts';
import type { Profile } from '../../adapters/profiles/profile.ts';
import type { HookFiles, Inside } from '../../adapters/runtimes/runtime.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import type { AgentSpec } from '../../api/resources/agent/agent.ts';

/** sh -c MAKE_SPOOL sac-spool FILE */
const MAKE_SPOOL = 'umask 077; mkdir -p -- "$(dirname -- "$1")" && : >>"$1" && chmod 666 -- "$1"';

export interface HooksAtStart {
  readonly env: Readonly<Record<string, string>>;
  readonly hooks?: HookFiles;
}

export interface HookedStart {
  /** Of the instance. */
  readonly name: string;
  readonly cwd: string;
  readonly spec: AgentSpec;
  readonly profile: Profile;
  /** Undefined: the workspace cannot be written to this way; what stands there is left as it is. */
  readonly transport: Transport | undefined;
  /** Folder of the spools on that machine. */
  readonly hooksDir: string;
  /** The program, where one is there already. */
  readonly program?: string;
  readonly inside: Inside | undefined;
}

/** Never rejects; `problem`: what a person should know. */
export async function hooksAtStart(start: HookedStart): Promise<HooksAtStart & { readonly problem?: string }> {
  const { name, cwd, spec, profile, transport, hooksDir, inside } = start;
  if (!profile.hookSettings) return { env: {} };
  const files: HookFiles = {
    program: (inside ? undefined : start.program) ?? join(hooksDir, 'hook'),
    spool: join(hooksDir, `${name}.spool`),
  };
  const seen = inside?.hooks ?? files;
  const env = {
    [SPOOL_VARIABLE]: seen.spool,
    [SPOOLER_VARIABLE]: seen.program,
    ...profile.spoolEnv?.(spec, seen.spool),
  };
  if (!transport) return { env: inside ? {} : env };
  try {
    if (inside || start.program === undefined)
      await transport.putFiles([{ path: files.program, content: SPOOLER_SCRIPT, mode: inside ? 0o755 : 0o700 }]);
    if (inside) await makeSpool(transport, files.spool);
    const problem = await setUpHooks(transport, cwd, profile.hookSettings);
    return { env, ...(inside && { hooks: files }), ...(problem !== undefined && { problem }) };
  } catch (error) {
    // What is not there cannot be shown in there; out here a hook without its program does nothing.
    return { env: inside ? {} : env, problem: String(error) };
  }
}

/** What is shown to an agent must be there, and whoever it runs as in there writes to it; out here its folder keeps others away. */
async function makeSpool(transport: Transport, spool: string): Promise<void> {
  const { code, stderr } = await transport.run(['sh', '-c', MAKE_SPOOL, 'sac-spool', spool]);
  if (code !== 0) throw new Error(`${spool} cannot be made: ${stderr.trim()}`);
}

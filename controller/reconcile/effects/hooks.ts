/**
 * Owns: running one hook: a shell command of the user's on the agent's host, or a POST to a URL of theirs.
 * Never: lets a hook's failure change what happens to the agent; it is told, and life goes on.
 */
import { isUrl } from '../../plan/plan-instances.ts';
import type { RunHook } from './effect-runner.ts';

const SHELL_TIMEOUT_MS = 60_000;
const POST_TIMEOUT_MS = 5_000;

export const createRunHook =
  (report: (hook: { readonly agent: string; readonly point: string }, problem: string) => void): RunHook =>
  async (hook, { agent, point, cwd }, transport) => {
    try {
      if (isUrl(hook)) {
        const response = await fetch(hook, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ agent, hook: point, context: {} }),
          signal: AbortSignal.timeout(POST_TIMEOUT_MS),
        });
        if (!response.ok) report({ agent, point }, `answered ${response.status}`);
        return;
      }
      // The hook is a shell command because its author wrote it as one; nothing of ours is put into it.
      const { code, stderr } = await transport.run(
        ['env', `SAC_AGENT=${agent}`, `SAC_HOOK=${point}`, 'sh', '-c', hook],
        {
          timeoutMs: SHELL_TIMEOUT_MS,
          ...(cwd !== undefined && { cwd }),
        },
      );
      if (code !== 0) report({ agent, point }, `exited with code ${code}: ${stderr.trim().slice(-300)}`);
    } catch (error) {
      report({ agent, point }, error instanceof Error ? error.message : String(error));
    }
  };

/**
 * Owns: the git worktree an instance works in: made on a branch of its own, and let go of without losing work.
 * Never: merges, pushes, or changes a branch that is not its own.
 */
import type { Transport } from '../../adapters/transport/transport.ts';
import type { Instant } from '../../api/resources/time.ts';
import { shown, type WorkspacePlan } from '../plan/workspace/workspace-plan.ts';
import { RefusedFiles } from './place-look.ts';
import { LEAVE_WORKTREE, MAKE_WORKTREE } from './worktree-scripts.ts';

type Git = NonNullable<WorkspacePlan['git']>;

/** A clone may be large. */
const TIMEOUT_MS = 600_000;

/** Throws RefusedFiles, TransportError. `made` false: it was there. */
export async function makeWorktree(
  { cwd }: WorkspacePlan,
  { repo, ref, branch, trust }: Git,
  transport: Transport,
): Promise<{ readonly made: boolean; readonly branch: string }> {
  // Beside the workspaces: shared by all of one repository.
  const clones = `${cwd.slice(0, cwd.lastIndexOf('/'))}/.sac-clones`;
  const answer = await ask(transport, [MAKE_WORKTREE, 'sac-worktree', cwd, repo, ref, branch, clones, String(trust)]);
  return { made: answer.startsWith('made '), branch: answer.slice(answer.indexOf(' ') + 1) };
}

export async function leaveWorktree(
  { cwd, files }: WorkspacePlan,
  { branch }: Git,
  now: Instant,
  transport: Transport,
): Promise<{ readonly removed: boolean; readonly rescued?: string }> {
  const time = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const deployed = files.filter(({ root }) => root === 'workspace').map((file) => `${shown(file)}\n`);
  const answer = await ask(transport, [LEAVE_WORKTREE, 'sac-worktree', cwd, branch, time], `${deployed.join('')}\n`);
  return answer.startsWith('kept ')
    ? { removed: false, rescued: answer.slice('kept '.length) }
    : { removed: answer === 'removed' };
}

async function ask(transport: Transport, args: readonly string[], stdin = ''): Promise<string> {
  const { code, stdout, stderr } = await transport.run(['sh', '-c', ...args], { stdin, timeoutMs: TIMEOUT_MS });
  if (code !== 0) throw new RefusedFiles(stderr.trim().slice(-500) || `git ended with code ${code}`);
  return stdout.trim().split('\n').at(-1) ?? '';
}

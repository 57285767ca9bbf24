/**
 * Owns: the runtimes there are: one line each.
 * Never: more than that.
 */

import { createApptainerRuntime } from './runtimes/apptainer/apptainer-runtime.ts';
import { createDockerRuntime, createPodmanRuntime } from './runtimes/container/container-runtime.ts';
import { createProcessRuntime } from './runtimes/process/process-runtime.ts';
import { sharedLeftovers } from './runtimes/reap/leftovers.ts';
import type { Runtime, RuntimeContext } from './runtimes/runtime.ts';
import { createScreenRuntime } from './runtimes/screen/screen-runtime.ts';
import { createSlurmRuntime } from './runtimes/slurm/slurm-runtime.ts';
import { createTenantRuntime } from './runtimes/slurm-tenant/tenant-runtime.ts';
import { createTmuxRuntime } from './runtimes/tmux/tmux-runtime.ts';

const RUNTIMES = [
  createTmuxRuntime,
  createProcessRuntime,
  createScreenRuntime,
  createSlurmRuntime,
  createTenantRuntime,
  createDockerRuntime,
  createPodmanRuntime,
  createApptainerRuntime,
] satisfies readonly ((context: RuntimeContext) => Runtime & AsyncDisposable)[];

export function createRuntimes(context: RuntimeContext): readonly (Runtime & AsyncDisposable)[] {
  const shared = { ...context, leftovers: sharedLeftovers() };
  return RUNTIMES.map((create) => create(shared));
}

/**
 * Owns: the runtimes there are: one line each.
 * Never: more than that.
 */

import { createApptainerRuntime } from './runtimes/apptainer/apptainer-runtime.ts';
import { createDockerRuntime, createPodmanRuntime } from './runtimes/container/container-runtime.ts';
import { createProcessRuntime } from './runtimes/process/process-runtime.ts';
import type { Runtime, RuntimeContext } from './runtimes/runtime.ts';
import { createScreenRuntime } from './runtimes/screen/screen-runtime.ts';
import { createSlurmRuntime } from './runtimes/slurm/slurm-runtime.ts';
import { createTenantRuntime } from './runtimes/slurm-tenant/tenant-runtime.ts';
import { createTmuxRuntime } from './runtimes/tmux/tmux-runtime.ts';

export const createRuntimes = (context: RuntimeContext): readonly (Runtime & AsyncDisposable)[] => [
  createTmuxRuntime(context),
  createProcessRuntime(context),
  createScreenRuntime(context),
  createSlurmRuntime(context),
  createTenantRuntime(context),
  createDockerRuntime(context),
  createPodmanRuntime(context),
  createApptainerRuntime(context),
];

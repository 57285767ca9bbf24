import { beforeAll } from 'vitest';
import { exclusively } from '../exclusive.ts';
import { startCluster } from '../slurm/cluster.ts';
import { overSsh } from '../ssh/lab.ts';
import { describeRuntime } from './runtime-conformance.ts';
import { tenantPlace } from './slurm-tenant-place.ts';

exclusively('slurm');
// In our turn, not while this file is read: another file may have stopped the cluster to see what happens.
beforeAll(() => void startCluster(), 300_000);

describeRuntime('slurm-tenant over SSH', tenantPlace, overSsh);

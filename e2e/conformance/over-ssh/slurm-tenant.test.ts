import { beforeAll } from 'vitest';
import { exclusively } from '../../exclusive.ts';
import { startCluster } from '../../slurm/cluster.ts';
import { overSsh } from '../../ssh/lab.ts';
import { tenantPlace } from '../places/slurm-tenant.ts';
import { describeRuntime } from '../suite/runtime-conformance.ts';

exclusively('slurm');
// In our turn, not while this file is read: another file may have stopped the cluster to see what happens.
beforeAll(() => void startCluster(), 300_000);

describeRuntime('slurm-tenant over SSH', tenantPlace, overSsh);

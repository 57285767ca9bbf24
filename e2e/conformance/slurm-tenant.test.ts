import { exclusively } from '../exclusive.ts';
import { startCluster } from '../slurm/cluster.ts';
import { describeRuntime } from './runtime-conformance.ts';
import { tenantPlace } from './slurm-tenant-place.ts';

exclusively('slurm');
startCluster();

describeRuntime('slurm-tenant', tenantPlace);

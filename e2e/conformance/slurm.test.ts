import { beforeAll } from 'vitest';
import { exclusively } from '../exclusive.ts';
import { startCluster } from '../slurm/cluster.ts';
import { slurmPlace } from './places/slurm.ts';
import { describeRuntime } from './suite/runtime-conformance.ts';

exclusively('slurm');
// In our turn: another file may have stopped the cluster, or its node may have been taken out of it.
beforeAll(() => void startCluster(), 300_000);

describeRuntime('slurm', slurmPlace);

import { exclusively } from '../exclusive.ts';
import { describeRuntime } from './runtime-conformance.ts';
import { slurmPlace } from './slurm-place.ts';

exclusively('slurm');

describeRuntime('slurm', slurmPlace);

import { exclusively } from '../exclusive.ts';
import { overSsh } from '../ssh/lab.ts';
import { describeRuntime } from './runtime-conformance.ts';
import { slurmPlace } from './slurm-place.ts';

exclusively('slurm');

// How many at once is no question of the way there.
describeRuntime('slurm over SSH', { ...slurmPlace, atOnce: 10 }, overSsh);

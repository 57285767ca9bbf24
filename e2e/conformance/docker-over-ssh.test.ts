import { overSsh } from '../ssh/lab.ts';
import { enginePlace } from './engine-places.ts';
import { describeRuntime } from './runtime-conformance.ts';

// How many at once is no question of the way there.
describeRuntime('docker over SSH', { ...enginePlace('docker'), atOnce: 10 }, overSsh);

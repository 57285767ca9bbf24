import { overSsh } from '../ssh/lab.ts';
import { enginePlace } from './engine-places.ts';
import { describeRuntime } from './runtime-conformance.ts';

// How many at once is no question of the way there.
describeRuntime('podman over SSH', { ...enginePlace('podman'), atOnce: 10 }, overSsh);

import { overSsh } from '../ssh/lab.ts';
import { enginePlace } from './engine-places.ts';
import { describeRuntime } from './runtime-conformance.ts';

describeRuntime('podman over SSH', enginePlace('podman'), overSsh);

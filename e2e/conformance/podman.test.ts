import { enginePlace } from './engine-places.ts';
import { describeRuntime } from './runtime-conformance.ts';

describeRuntime('podman', enginePlace('podman'));

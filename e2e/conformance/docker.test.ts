import { enginePlace } from './engine-places.ts';
import { describeRuntime } from './runtime-conformance.ts';

describeRuntime('docker', enginePlace('docker'));

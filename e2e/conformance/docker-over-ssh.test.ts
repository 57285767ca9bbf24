import { overSsh } from '../ssh/lab.ts';
import { enginePlace } from './engine-places.ts';
import { describeRuntime } from './runtime-conformance.ts';

describeRuntime('docker over SSH', enginePlace('docker'), overSsh);

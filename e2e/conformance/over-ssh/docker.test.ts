import { overSsh } from '../../ssh/lab.ts';
import { enginePlace } from '../places/engines.ts';
import { describeRuntime } from '../suite/runtime-conformance.ts';

describeRuntime('docker over SSH', enginePlace('docker'), overSsh);

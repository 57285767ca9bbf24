import { processPlace } from './places/multiplexers.ts';
import { describeRuntime } from './suite/runtime-conformance.ts';

describeRuntime('process', processPlace);

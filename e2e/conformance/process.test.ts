import { processPlace } from './places.ts';
import { describeRuntime } from './runtime-conformance.ts';

describeRuntime('process', processPlace);

import { screenPlace } from './places/multiplexers.ts';
import { describeRuntime } from './suite/runtime-conformance.ts';

describeRuntime('screen', screenPlace);

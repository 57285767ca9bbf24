import { screenPlace } from './places.ts';
import { describeRuntime } from './runtime-conformance.ts';

describeRuntime('screen', screenPlace);

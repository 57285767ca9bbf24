import { overSsh } from '../ssh/lab.ts';
import { screenPlace } from './places.ts';
import { describeRuntime } from './runtime-conformance.ts';

describeRuntime('screen over SSH', screenPlace, overSsh);

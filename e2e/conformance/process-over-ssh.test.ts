import { overSsh } from '../ssh/lab.ts';
import { processPlace } from './places.ts';
import { describeRuntime } from './runtime-conformance.ts';

describeRuntime('process over SSH', processPlace, overSsh);

import { overSsh } from '../../ssh/lab.ts';
import { processPlace } from '../places/multiplexers.ts';
import { describeRuntime } from '../suite/runtime-conformance.ts';

describeRuntime('process over SSH', processPlace, overSsh);

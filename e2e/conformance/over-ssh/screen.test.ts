import { overSsh } from '../../ssh/lab.ts';
import { screenPlace } from '../places/multiplexers.ts';
import { describeRuntime } from '../suite/runtime-conformance.ts';

describeRuntime('screen over SSH', screenPlace, overSsh);

import { overSsh } from '../../ssh/lab.ts';
import { tmuxPlace } from '../places/multiplexers.ts';
import { describeRuntime } from '../suite/runtime-conformance.ts';

describeRuntime('tmux over SSH', tmuxPlace, overSsh);

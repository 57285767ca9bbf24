import { overSsh } from '../ssh/lab.ts';
import { tmuxPlace } from './places.ts';
import { describeRuntime } from './runtime-conformance.ts';

describeRuntime('tmux over SSH', tmuxPlace, overSsh);

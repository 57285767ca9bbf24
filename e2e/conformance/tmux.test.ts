import { tmuxPlace } from './places/multiplexers.ts';
import { describeRuntime } from './suite/runtime-conformance.ts';

describeRuntime('tmux', tmuxPlace);

import { tmuxPlace } from './places.ts';
import { describeRuntime } from './runtime-conformance.ts';

describeRuntime('tmux', tmuxPlace);

import { overSsh } from '../../ssh/lab.ts';
import { enginePlace } from '../places/engines.ts';
import { describeRuntime } from '../suite/runtime-conformance.ts';

describeRuntime('podman over SSH', enginePlace('podman'), overSsh);

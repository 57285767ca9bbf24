import { createDockerRuntime } from '../../adapters/runtimes/container/container-runtime.ts';
import { engineRun, image, launchOptions, removeFleet } from '../containers/engines.ts';
import { describeRuntime } from './runtime-conformance.ts';

const tag = image('docker', 'plain');

describeRuntime('docker', {
  make: createDockerRuntime,
  contained: true,
  options: (mounts) => ({ docker: launchOptions('docker', tag, mounts) }),
  occupy: ({ fleet }, name) => void engineRun('docker', 'create', '--name', `sac-${fleet}-${name}`, tag, 'true'),
  isOccupied: ({ fleet }, name) => engineRun('docker', 'container', 'inspect', `sac-${fleet}-${name}`).status === 0,
  destroy: ({ fleet }) => removeFleet('docker', fleet),
});

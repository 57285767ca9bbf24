import { createPodmanRuntime } from '../../adapters/runtimes/container/container-runtime.ts';
import { engineRun, image, launchOptions, removeFleet } from '../containers/engines.ts';
import { describeRuntime } from './runtime-conformance.ts';

const tag = image('podman', 'plain');

describeRuntime('podman', {
  make: createPodmanRuntime,
  contained: true,
  options: (mounts) => ({ podman: launchOptions('podman', tag, mounts) }),
  occupy: ({ fleet }, name) => void engineRun('podman', 'create', '--name', `sac-${fleet}-${name}`, tag, 'true'),
  isOccupied: ({ fleet }, name) => engineRun('podman', 'container', 'inspect', `sac-${fleet}-${name}`).status === 0,
  destroy: ({ fleet }) => removeFleet('podman', fleet),
});

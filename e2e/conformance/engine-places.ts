/**
 * Owns: how container engines join the suite.
 * Never: tests anything itself.
 */
import { createDockerRuntime, createPodmanRuntime } from '../../adapters/runtimes/container/container-runtime.ts';
import type { ContainerRuntime } from '../../api/resources/container.ts';
import { engineRun, image, launchOptions, removeFleet } from '../containers/engines.ts';
import type { RuntimeUnderTest } from './runtime-conformance.ts';

/** Makes the image when it is not there. */
export function enginePlace(engine: ContainerRuntime): RuntimeUnderTest {
  const tag = image(engine, 'plain');
  return {
    make: engine === 'docker' ? createDockerRuntime : createPodmanRuntime,
    contained: true,
    options: (mounts) => ({ [engine]: launchOptions(engine, tag, mounts) }),
    occupy: ({ fleet }, name) => void engineRun(engine, 'create', '--name', `sac-${fleet}-${name}`, tag, 'true'),
    isOccupied: ({ fleet }, name) => engineRun(engine, 'container', 'inspect', `sac-${fleet}-${name}`).status === 0,
    destroy: ({ fleet }) => removeFleet(engine, fleet),
  };
}

/**
 * Owns: how container engines join the suite.
 * Never: tests anything itself.
 */
import { createDockerRuntime, createPodmanRuntime } from '../../../adapters/runtimes/container/container-runtime.ts';
import type { ContainerRuntime } from '../../../api/resources/agent/place/container.ts';
import { engineRun, type ImageKind, image, launchOptions, removeFleet } from '../../containers/engines.ts';
import type { RuntimeUnderTest } from '../suite/stage.ts';

/** Makes the image when it is not there. `kind`: whether it has a tmux that its agents' terminals live in. */
export function enginePlace(engine: ContainerRuntime, kind: ImageKind = 'plain'): RuntimeUnderTest {
  const tag = image(engine, kind);
  return {
    make: engine === 'docker' ? createDockerRuntime : createPodmanRuntime,
    contained: true,
    options: (mounts) => ({ [engine]: launchOptions(engine, tag, mounts) }),
    occupy: ({ fleet }, name) => void engineRun(engine, 'create', '--name', `sac-${fleet}-${name}`, tag, 'true'),
    isOccupied: ({ fleet }, name) => engineRun(engine, 'container', 'inspect', `sac-${fleet}-${name}`).status === 0,
    holds: ({ fleet }) =>
      engineRun(engine, 'ps', '-q', '--filter', `name=sac-${fleet}-`).stdout.split('\n').filter(Boolean),
    destroy: ({ fleet }) => removeFleet(engine, fleet),
  };
}

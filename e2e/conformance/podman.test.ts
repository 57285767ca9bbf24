import { createPodmanRuntime } from '../../adapters/runtimes/container/container-runtime.ts';
import { containerPlace } from './places.ts';
import { describeRuntime } from './runtime-conformance.ts';
import { describeTerminals } from './terminal-conformance.ts';

for (const kind of ['plain', 'tmux'] as const) {
  const place = containerPlace('podman', createPodmanRuntime, kind);
  describeRuntime(`podman ${kind}`, place);
  describeTerminals(`podman ${kind}`, place);
}

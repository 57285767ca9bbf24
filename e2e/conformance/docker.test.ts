import { createDockerRuntime } from '../../adapters/runtimes/container/container-runtime.ts';
import { containerPlace } from './places.ts';
import { describeRuntime } from './runtime-conformance.ts';
import { describeTerminals } from './terminal-conformance.ts';

for (const kind of ['plain', 'tmux'] as const) {
  const place = containerPlace('docker', createDockerRuntime, kind);
  describeRuntime(`docker ${kind}`, place);
  describeTerminals(`docker ${kind}`, place);
}

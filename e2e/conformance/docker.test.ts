import { enginePlace } from './engine-places.ts';
import { describeRuntime } from './runtime-conformance.ts';
import { describeTerminals } from './terminal-conformance.ts';

for (const kind of ['plain', 'tmux'] as const) {
  describeRuntime(`docker ${kind}`, enginePlace('docker', kind));
  describeTerminals(`docker ${kind}`, enginePlace('docker', kind));
}

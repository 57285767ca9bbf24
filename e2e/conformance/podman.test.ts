import { enginePlace } from './places/engines.ts';
import { describeRuntime } from './suite/runtime-conformance.ts';
import { describeTerminals } from './suite/terminal-conformance.ts';

describeRuntime('podman tmux', enginePlace('podman', 'tmux'));
// A hundred of these are held over SSH.
describeRuntime('podman plain', { ...enginePlace('podman', 'plain'), atOnce: 25 });
for (const kind of ['plain', 'tmux'] as const) describeTerminals(`podman ${kind}`, enginePlace('podman', kind));

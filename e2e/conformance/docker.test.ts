import { enginePlace } from './places/engines.ts';
import { describeRuntime } from './suite/runtime-conformance.ts';
import { describeTerminals } from './suite/terminal-conformance.ts';

describeRuntime('docker tmux', enginePlace('docker', 'tmux'));
// A hundred of these are held over SSH.
describeRuntime('docker plain', { ...enginePlace('docker', 'plain'), atOnce: 25 });
for (const kind of ['plain', 'tmux'] as const) describeTerminals(`docker ${kind}`, enginePlace('docker', kind));

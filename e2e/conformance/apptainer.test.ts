/** Apptainer is not packaged here: the suite runs against a program that has its documented commands and outputs. No real run was tested. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApptainerRuntime } from '../../adapters/runtimes/apptainer/apptainer-runtime.ts';
import { createLocalTransport } from '../../adapters/transport/local/local-transport.ts';
import { apptainerSchema } from '../../api/resources/agent/place/apptainer.ts';
import { describeRuntime } from './suite/runtime-conformance.ts';

const state = mkdtempSync(join(tmpdir(), 'sac-apptainer-'));
const image = join(state, 'agent.sif');
writeFileSync(image, '');
const bin = mkdtempSync(join(tmpdir(), 'sac-apptainer-bin-'));
const standIn = join(import.meta.dirname, '..', 'containers', 'stand-in', 'apptainer');
// A transport hands on few variables.
writeFileSync(join(bin, 'apptainer'), `#!/bin/sh\nexport APPTAINER_STAND_IN=${state}\nexec ${standIn} "$@"\n`, {
  mode: 0o755,
});
const { mounts: _, mountHostClaude: __, ...options } = apptainerSchema.parse({ image });

describeRuntime(
  'apptainer stand-in',
  {
    make: createApptainerRuntime,
    wrapped: true,
    options: (mounts) => ({ apptainer: { ...options, mounts } }),
    occupy: ({ fleet }, name) => void mkdirSync(join(state, `sac-${fleet}-${name}`)),
    isOccupied: ({ fleet }, name) => existsSync(join(state, `sac-${fleet}-${name}`)),
    holds: ({ fleet }) => readdirSync(state).filter((name) => name.startsWith(`sac-${fleet}-`)),
    destroy: () => undefined,
  },
  async () => {
    const PATH = `${bin}:${process.env['PATH'] ?? ''}`;
    const transport = createLocalTransport({ ...process.env, PATH });
    return {
      transport,
      async [Symbol.asyncDispose]() {
        await transport[Symbol.asyncDispose]();
        for (const folder of [state, bin]) rmSync(folder, { recursive: true, force: true });
      },
    };
  },
);

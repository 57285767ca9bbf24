import { expect, it } from 'vitest';
import type { FleetId, HostName } from '../../../api/resources/names.ts';
import type { Transport } from '../../transport/transport.ts';
import { createPodmanRuntime } from './container-runtime.ts';

it('tells why an engine cannot be used, and not the warnings before it', async () => {
  const stderr = [
    'time="2026-11-22T08:19:19Z" level=warning msg="\\"/\\" is not a shared mount, this could cause issues"',
    'Error: command required for rootless mode with multiple IDs: exec: "newuidmap": executable file not found in $PATH',
  ].join('\n');
  const transport: Transport = {
    host: 'one' as HostName,
    run: async () => ({ code: 125, stdout: '', stderr }),
    converse: () => {
      throw new Error('not expected');
    },
    putFiles: async () => undefined,
    interactive: (argv) => argv,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const dirs = { run: '/run', logs: '/logs' };
  await using podman = createPodmanRuntime({ fleet: '00abcdef' as FleetId, dirs, now: () => 0, timeoutMs: 1_000 });
  expect(await podman.probe(transport)).toEqual({
    available: false,
    detail:
      'the podman engine does not answer: command required for rootless mode with multiple IDs: exec: "newuidmap": executable file not found in $PATH',
  });
});

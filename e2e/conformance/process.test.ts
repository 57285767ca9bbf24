import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createProcessRuntime } from '../../adapters/runtimes/process/process-runtime.ts';
import { describeRuntime } from './runtime-conformance.ts';

describeRuntime('process', {
  make: createProcessRuntime,
  occupy: ({ dirs }, name) => void mkdirSync(join(dirs.run, 'process', name), { recursive: true }),
  isOccupied: ({ dirs }, name) => existsSync(join(dirs.run, 'process', name)),
  destroy: () => undefined,
});

import { defineConfig } from 'vitest/config';
import { LongFirst } from './e2e/sequence.ts';

export default defineConfig({
  test: {
    // A golden file is written with -u, never by a run that meant to compare.
    update: 'none',
    sequence: { sequencer: LongFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{api,controller,adapters,cli,sim}/**/*.test.ts'],
          testTimeout: 20_000,
          // No module here has state, so files may share them: two fifths of the time went into loading them anew for each file.
          isolate: false,
          // vitest leaves one core free; there is nobody else to have it.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // Most of a test is waiting; each file has its own fleet, homes and ports.
          maxWorkers: 4,
          isolate: false,
          // Real daemons on a machine that others use too. What passed only then is marked in the output, and is to be looked into.
          retry: 1,
        },
      },
    ],
  },
});

/** `npm run bench`: every benchmark in turn, each printing one JSON line a figure. Alone on the machine, please. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const benches: readonly (readonly string[])[] = [
  ['core.ts'],
  ['start.ts', '100', '1000', '3000'],
  ['heal.ts', '1000', '100'],
  ['remote.ts', '200', '3'],
  ['get.ts', '1000', '30'],
  ['levels.ts', '200', '60'],
  ['screens.ts', '1000', '20'],
  ['containers.ts', '50', '3'],
  ['sources.ts', 'isolation', '49', '10'],
  ['sources.ts', 'follow', '5000', '5'],
];
for (const [file = '', ...args] of benches) {
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', join(import.meta.dirname, file), ...args], {
    stdio: 'inherit',
  });
  if (status !== 0) console.log(JSON.stringify({ bench: file, error: `exit code ${status}` }));
}

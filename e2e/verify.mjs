// Runs everything that proves this tree: provision, lint, types, build, unit, simulation, e2e. Nothing may skip.
// The last line is `N passed, N failed`; exit code 1 when anything failed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const scratch = mkdtempSync(join(tmpdir(), 'sac-verify-'));
const bin = (name) => join('node_modules', '.bin', name);
const vitest = (project) => ({
  name: project,
  command: [
    bin('vitest'),
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${join(scratch, `${project}.json`)}`,
  ],
  report: join(scratch, `${project}.json`),
});

const steps = [
  { name: 'provision', command: ['bash', 'e2e/provision.sh'] },
  { name: 'lint', command: [bin('biome'), 'check', '.'] },
  {
    name: 'import rules',
    command: [
      bin('depcruise'),
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'err',
      'api',
      'controller',
      'adapters',
      'cli',
      'sim',
    ],
  },
  { name: 'types', command: [bin('tsc'), '--noEmit'] },
  { name: 'build', command: [process.execPath, 'build.mjs'] },
  vitest('unit'),
  {
    name: 'simulation',
    command: ['npm', 'run', '--silent', 'sim', '--', '--seeds', process.env.SAC_SIM_SEEDS ?? '10000'],
  },
  vitest('e2e'),
];

let passed = 0;
let failed = 0;
const problems = [];
for (const { name, command, report } of steps) {
  const began = Date.now();
  console.log(`\n== ${name}`);
  const { status, error } = spawnSync(command[0], command.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] });
  const ok = status === 0;
  if (report) {
    const counts = readReport(report);
    passed += counts.passed;
    failed += counts.failed + counts.skipped + (ok || counts.failed > 0 ? 0 : 1);
    if (counts.skipped > 0) problems.push(`${name}: ${counts.skipped} tests skipped; here nothing may skip`);
  } else if (ok) passed++;
  else failed++;
  if (!ok) problems.push(`${name}: ${error ? error.message : `exit code ${status}`}`);
  console.log(`== ${name} ${ok ? 'passed' : 'FAILED'} in ${Math.round((Date.now() - began) / 1000)} s`);
}
rmSync(scratch, { recursive: true, force: true });
for (const problem of problems) console.log(problem);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function readReport(path) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(path, 'utf8'));
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

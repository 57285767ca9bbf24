// Runs everything that proves this tree: provision, lint, types, build, unit, simulation, e2e. Nothing may skip.
// Files with a failed test are run once more, alone, when the machine is quiet; what passes only then is named.
// The last line is `N passed, N failed`; exit code 1 when anything failed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const scratch = mkdtempSync(join(tmpdir(), 'sac-verify-'));
/** Below it: the homes, work trees and repositories of all tests. */
const memory = mkdtempSync(join(tmpdir(), 'sac-v-'));
const MIN_FREE_MEMORY = 8 * 2 ** 30;
const inMemory = mountMemory();
const bin = (name) => join('node_modules', '.bin', name);
/** More files than these do not fail by noise. */
const MAX_AGAIN = 6;
const vitest = (project) => ({ name: project, command: vitestCommand(project, project), report: `${project}.json` });

const steps = [
  // Waits for daemons and packages; what comes before the tests needs none of them.
  { name: 'provision', command: ['bash', 'e2e/provision.sh'], besideUntil: 'build' },
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
let beside;
for (const step of steps) {
  const began = Date.now();
  if (step.besideUntil) {
    beside = { step, began, end: begin(step.command) };
    continue;
  }
  console.log(`\n== ${step.name}`);
  tell(step, began, judge(step, execute(step.command)));
  if (beside?.step.besideUntil !== step.name) continue;
  const { status, said } = await beside.end();
  console.log(`\n== ${beside.step.name}, beside them\n${said.trimEnd()}`);
  tell(beside.step, beside.began, judge(beside.step, status));
}
// Lazily: a process that a failed test left behind may still be in it.
if (inMemory) execute(['umount', '--lazy', memory]);
for (const folder of [scratch, memory]) rmSync(folder, { recursive: true, force: true });
for (const problem of problems) console.log(problem);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function tell({ name }, began, status) {
  console.log(`== ${name} ${status === 0 ? 'passed' : 'FAILED'} in ${Math.round((Date.now() - began) / 1000)} s`);
}

/** Counts what a step proved; files with failed tests are run again first. Returns its status after that. */
function judge({ name, report }, atFirst) {
  let status = atFirst;
  if (report) {
    let results = readReport(report);
    const again = results.filter((file) => file.failed > 0).map(({ path }) => path);
    if (status !== 0 && again.length > 0 && again.length <= MAX_AGAIN) {
      console.log(`\n== ${name}: ${again.length} of ${results.length} files again, alone`);
      const second = `again-${report}`;
      status = execute([...vitestCommand(name, `again-${name}`), '--maxWorkers=1', ...again]);
      const seen = readReport(second);
      results = [...results.filter(({ path }) => !seen.some((file) => file.path === path)), ...seen];
      problems.push(`${name}: failed at first, then run again alone: ${again.join(', ')}`);
    }
    const sum = (key) => results.reduce((total, file) => total + file[key], 0);
    passed += sum('passed');
    failed += sum('failed') + sum('skipped') + (status === 0 || sum('failed') > 0 ? 0 : 1);
    if (sum('skipped') > 0) problems.push(`${name}: ${sum('skipped')} tests skipped; here nothing may skip`);
  } else if (status === 0) passed++;
  else failed++;
  if (status !== 0) problems.push(`${name}: exit code ${status}`);
  return status;
}

function vitestCommand(project, report) {
  const reporters = [
    '--reporter=default',
    '--reporter=./e2e/retried.ts',
    '--reporter=json',
    `--outputFile.json=${join(scratch, `${report}.json`)}`,
  ];
  return [bin('vitest'), 'run', '--project', project, ...reporters];
}

function execute([program, ...args]) {
  const env = inMemory ? { ...process.env, TMPDIR: memory } : process.env;
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env });
  if (error) console.log(error.message);
  return status ?? 1;
}

/** Runs while others do, and says what it said when it is waited for. */
function begin([program, ...args]) {
  const log = join(scratch, 'beside.log');
  const output = openSync(log, 'w');
  const child = spawn(program, args, { stdio: ['ignore', output, output] });
  const ended = new Promise((resolve) => {
    child.once('error', ({ message }) => resolve({ status: 1, why: `${message}\n` }));
    child.once('exit', (status) => resolve({ status: status ?? 1, why: '' }));
  });
  return async () => {
    const { status, why } = await ended;
    return { status, said: `${why}${readFileSync(log, 'utf8')}` };
  };
}

/**
 * Whether the tests' files are in memory. On ext4 each new file is looked for among all inodes freed in the last five minutes
 * (fs/ext4/ialloc.c, recently_deleted), which with tests that make and delete thousands is a tenth of the CPU of a run.
 */
function mountMemory() {
  if (process.getuid() !== 0 || availableMemory() < MIN_FREE_MEMORY) return false;
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'mode=1777,size=4g', 'sac-verify', memory]);
  return status === 0;
}

/** Bytes that can be taken without swapping, proc(5); 0 where nobody tells. */
function availableMemory() {
  try {
    return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Per file of tests; one that failed outside its tests counts as one failed test. */
function readReport(name) {
  try {
    return JSON.parse(readFileSync(join(scratch, name), 'utf8')).testResults.map((file) => {
      const count = (...statuses) => file.assertionResults.filter(({ status }) => statuses.includes(status)).length;
      const broken = file.status === 'failed' ? 1 : 0;
      return {
        path: file.name,
        passed: count('passed'),
        failed: Math.max(count('failed'), broken),
        skipped: count('pending', 'skipped', 'todo'),
      };
    });
  } catch {
    return [];
  }
}

/** Who is looked for by its environment is found whenever it gets its mark, and is gone when it has ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { until } from './harness.ts';
import { carries, ProcessSearch } from './processes.ts';

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

function begin(script: string, env: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = spawn('sh', ['-c', script], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  started.push(child);
  return child;
}
const mark = () => `SAC_E2E_SOUGHT=${randomBytes(6).toString('hex')}`;

it('finds who carries a mark, tells it at each look, and no longer when it has ended', async () => {
  const sought = mark();
  const [name = '', value = ''] = sought.split('=');
  const search = new ProcessSearch(carries(sought, { whole: true }));
  expect(search.find()).toEqual([]);
  const child = begin('exec sleep 1000', { [name]: value });
  await until('it to be found', () => search.find().length > 0);
  expect(search.find()).toEqual([child.pid]);
  child.kill('SIGKILL');
  await until('it to be gone', () => search.find().length === 0, 5_000);
});

it('finds who gets its mark long after it began, by becoming another program', async () => {
  const sought = mark();
  const search = new ProcessSearch(carries(sought));
  const child = begin(`read -r _; exec env ${sought} sh -c 'echo became; exec sleep 1000'`);
  // Old enough to be asked again now and then only.
  const began = performance.now();
  await until('it to be old', () => search.find().length === 0 && performance.now() - began > 2_500);
  const became = new Promise((resolve) => child.stdout?.once('data', resolve));
  child.stdin?.write('go\n');
  await became;
  await until('it to be found', () => search.find().includes(child.pid ?? 0), 5_000);
});

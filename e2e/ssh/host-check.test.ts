import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkHost, missingOn } from '../../adapters/transport/ssh/host-check.ts';
import { SshLab } from './lab.ts';

let lab: SshLab;
beforeAll(() => {
  lab = new SshLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

it('tells what is installed on a host, and what is missing', async () => {
  const facts = await checkHost(lab.transport(await lab.sshd()), { now: Date.now, timeoutMs: 30_000 });
  expect(facts.system).toMatch(/^Linux /);
  expect(facts.cpus).toBeGreaterThan(0);
  expect(facts.programs.tmux).toMatch(/^tmux \d/);
  expect(facts.programs.setsid).toContain('util-linux');
  expect(missingOn(facts)).toEqual([]);
  expect(missingOn({ ...facts, programs: {} }).join()).toContain('tmux is not installed');
});

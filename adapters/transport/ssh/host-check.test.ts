import { expect, it } from 'vitest';
import { missingOn } from './host-check.ts';

it('says of what is installed and cannot be used why, and of what is not installed nothing twice', () => {
  const facts = { system: 'Linux x86_64', cpus: 2, latencyMs: 1, programs: { setsid: '2', podman: '4.3.1' } };
  const refused = new Map([
    ['podman', 'the podman engine does not answer: newuidmap is missing'],
    ['tmux', 'tmux is not installed'],
    ['docker', 'docker is not installed'],
  ]);
  expect(missingOn(facts, refused)).toEqual([
    'tmux is not installed: agents with a terminal cannot live there',
    'podman is installed and cannot be used: the podman engine does not answer: newuidmap is missing',
  ]);
});

/** Bench: CPU of reading 1,000 screens of real CLIs (`adapters/profiles/testdata`), by their profiles' readers, in rounds. */
import { join } from 'node:path';
import { loadLabelled } from '../adapters/profiles/accuracy.ts';
import { PROFILES } from '../adapters/profiles/profiles.ts';
import { median, report, round } from './harness.ts';

const SCREENS = Number(process.argv[2] ?? 1000);
const ROUNDS = Number(process.argv[3] ?? 20);

const labelled = loadLabelled(join(import.meta.dirname, '..', 'adapters', 'profiles', 'testdata'));
const screens = Array.from({ length: SCREENS }, (_, number) => labelled[number % labelled.length]).flatMap(
  (one) => one ?? [],
);
const cpuMs: number[] = [];
const told = new Set<string>();
for (let trial = 0; trial < ROUNDS; trial++) {
  const before = process.cpuUsage();
  for (const { profile, screen } of screens) told.add(PROFILES[profile].read(screen).activity);
  const { user, system } = process.cpuUsage(before);
  cpuMs.push((user + system) / 1000);
}
report('screens.read', {
  screens: screens.length,
  different: labelled.length,
  activities: told.size,
  rounds: ROUNDS,
  firstMs: round(cpuMs[0] ?? Number.NaN),
  medianMs: round(median(cpuMs)),
  maxMs: round(Math.max(...cpuMs)),
  target: '<= 150 ms of CPU',
});

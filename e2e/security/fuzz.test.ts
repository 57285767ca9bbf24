/**
 * Fuzzing with fast-check: a minute each, beside each other; longer with SAC_FUZZ_SECONDS. What is found is printed with its
 * seed and path; set SAC_FUZZ_SEED to repeat it.
 */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { Fleet } from '../harness.ts';
import { PARTS } from './fuzz/order.ts';
import { Parts } from './fuzz/run-part.ts';

const SECONDS = Number(process.env['SAC_FUZZ_SECONDS'] ?? 60);
const SEED = process.env['SAC_FUZZ_SEED'];

let fleet: Fleet;
let controller: ChildProcess;
let parts: Parts;
beforeAll(async () => {
  fleet = new Fleet();
  controller = await fleet.controller();
  parts = await Parts.build();
});
afterAll(async () => {
  parts[Symbol.dispose]();
  await fleet[Symbol.asyncDispose]();
});

describe.concurrent('fuzzing', () => {
  it.for(PARTS)('%s', { timeout: SECONDS * 1_000 + 300_000 }, async (part, { expect }) => {
    const tried = await parts.run({
      part,
      seconds: SECONDS,
      seed: SEED === undefined ? undefined : Number(SEED),
      socket: join(fleet.home, 'sac.sock'),
    });
    expect(tried.flatMap(({ what, found }) => (found === undefined ? [] : [`${what}\n${found}`]))).toEqual([]);
    for (const { what, runs } of tried) expect([what, runs > 0]).toEqual([what, true]);
    if (part !== 'HTTP') return;
    expect(controller.exitCode).toBeNull();
    expect((await fleet.sac(['get', 'agents'])).code).toBe(0);
  });
});

/**
 * Owns: one part of the fuzzing, carried out beside the others in a thread of its own.
 * Never: ends early: each property is tried for its share of the time.
 */
import { parentPort, workerData } from 'node:worker_threads';
import fc from 'fast-check';
import { http } from './http.ts';
import { manifests } from './manifests.ts';
import type { Order, Tried } from './order.ts';
import { quoting } from './quoting.ts';
import type { Fuzzed } from './texts.ts';
import { tmux } from './tmux.ts';

const propertiesOf = ({ part, socket }: Order): readonly Fuzzed[] => {
  switch (part) {
    case 'manifest reader':
      return manifests;
    case 'tmux':
      return tmux;
    case 'quoting':
      return quoting;
    case 'HTTP':
      return http(socket);
  }
};

async function carryOut(order: Order): Promise<readonly Tried[]> {
  const tried: Tried[] = [];
  for (const { what, share, property } of propertiesOf(order)) {
    const result = await fc.check(property, {
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: order.seconds * share * 1_000,
      ...(order.seed !== undefined && { seed: order.seed }),
    });
    const found = result.failed ? await fc.asyncDefaultReportMessage(result) : undefined;
    tried.push({ what, runs: result.numRuns, ...(found !== undefined && { found }) });
  }
  return tried;
}

const order: Order = workerData;
parentPort?.postMessage(await carryOut(order));

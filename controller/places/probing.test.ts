import { expect, it } from 'vitest';
import type { Runtime } from '../../adapters/runtimes/runtime.ts';
import { createLocalTransport } from '../../adapters/transport/local/local-transport.ts';
import type { RuntimeKind } from '../../api/resources/agent/agent.ts';
import { LOCAL_HOST } from '../../api/resources/names.ts';
import { joined, probeMissing, probeRuntimes } from './probing.ts';

const never = () => Promise.reject(new Error('not asked for'));
const runtime = (kind: RuntimeKind, installed: Set<RuntimeKind>): Runtime => ({
  kind,
  capabilities: { screen: false, attach: false, push: false, lacks: ['dance'] },
  probe: async () =>
    installed.has(kind) ? { available: true, detail: `${kind} 1` } : { available: false, detail: `no ${kind}` },
  list: never,
  start: never,
  signal: never,
  remove: never,
  sweep: never,
  // biome-ignore lint/correctness/useYield: nobody reads logs here
  logs: async function* () {
    await never();
  },
});
const kinds = (places: readonly { readonly place: { readonly runtime: RuntimeKind } }[]) =>
  places.map(({ place }) => place.runtime);

it('what is installed later joins once, in the order of preference; what is not allowed never does', async () => {
  const installed = new Set<RuntimeKind>(['process']);
  const runtimes = (['tmux', 'process', 'screen', 'docker'] as const).map((kind) => runtime(kind, installed));
  await using transport = createLocalTransport({});
  const machine = { name: LOCAL_HOST, transport, runtimes, allowed: ['tmux', 'process', 'screen'] as const };
  const first = await probeRuntimes(machine);
  expect(kinds(first.places)).toEqual(['process']);
  expect(first.places[0]?.detail).toBe('process 1; cannot dance');
  expect(first.missing.get('docker')).toContain('spec.runtimes');

  for (const kind of ['tmux', 'docker'] as const) installed.add(kind);
  const { after, fresh } = joined(first, await probeMissing(machine, first), runtimes);
  expect(kinds(fresh)).toEqual(['tmux']);
  expect(kinds(after.places)).toEqual(['tmux', 'process']);
  expect([...after.missing.keys()].sort()).toEqual(['docker', 'screen']);

  // Two who asked at the same time: the second brings nothing new.
  expect(joined(after, await probeRuntimes(machine), runtimes).fresh).toEqual([]);
});

it('what is withheld is not even asked for, and the reason is told', async () => {
  await using transport = createLocalTransport({});
  const runtimes = [runtime('tmux', new Set(['tmux'])), runtime('docker', new Set(['docker']))];
  const withheld = new Map<RuntimeKind, string>([['tmux', 'it is somebody else’s']]);
  const { places, missing } = await probeRuntimes({
    name: LOCAL_HOST,
    transport,
    runtimes,
    allowed: undefined,
    withheld,
  });
  expect(kinds(places)).toEqual(['docker']);
  expect(missing.get('tmux')).toBe('it is somebody else’s');
});

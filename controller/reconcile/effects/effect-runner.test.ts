import { expect, it } from 'vitest';
import type { Runtime } from '../../../adapters/runtimes/runtime.ts';
import type { Transport } from '../../../adapters/transport/transport.ts';
import { LOCAL_HOST } from '../../../api/resources/names.ts';
import { effectsFor } from '../../machine/effects.ts';
import type { Effect, Memory, PlacedSighting } from '../../machine/snapshot.ts';
import { desiredExample } from '../../machine/status/phase-table.ts';
import { placeKey } from '../../plan/desired-instance.ts';
import { EffectRunner } from './effect-runner.ts';

const place = { host: LOCAL_HOST, runtime: 'process' } as const;
const nothing = (): never => {
  throw new Error('is not expected here');
};
const id = desiredExample.id;
const seen: PlacedSighting = { incarnation: 7, launchHash: 'h', state: 'running', session: 's', place };
const hooks = { ...desiredExample.hooks, onRestart: ['tell'], preStop: ['save'] };

type Why = NonNullable<Memory['stop']>['why'];
/** What is asked for `after` ms into a stop. */
function asked(why: Why, after: number): Extract<Effect, { type: 'term' }> {
  const stop = { incarnation: 7, since: 100, killAt: 9_000, askedAt: 100 + after, why };
  const memory: Memory = { attempts: 0, restarts: 0, observedGeneration: 1, incarnation: 7, stop };
  const gap = { type: 'surplus', seen, why } as const;
  const [effect] = effectsFor(id, 'Stopping', memory, gap, { ...desiredExample, hooks }, [seen], 100 + after);
  if (effect?.type !== 'term') throw new Error(`${effect?.type} instead of term`);
  return effect;
}

function runner(ran: string[]): EffectRunner {
  const runtime = { kind: 'process', signal: async () => ran.push('term') } as unknown as Runtime;
  return new EffectRunner({
    places: new Map([[placeKey(place), { runtime, transport: {} as Transport }]]),
    typist: { answer: nothing, submit: nothing } as never,
    reader: () => undefined,
    runHook: async (_hook, { point }) => void ran.push(point),
    assertNotFenced: () => undefined,
    concurrencyPerPlace: 1,
    leaseFile: nothing,
  });
}

it('tells of a stop once, however often it asks; a controller that comes back in between tells again', async () => {
  const ran: string[] = [];
  const first = runner(ran);
  await first.run(asked('update', 0));
  await first.run(asked('update', 3_000));
  expect(ran).toEqual(['on_restart', 'pre_stop', 'term', 'term']);
  await runner(ran).run(asked('update', 6_000));
  expect(ran.slice(4)).toEqual(['on_restart', 'pre_stop', 'term']);
});

it.each<[Why, boolean]>([
  ['update', true],
  ['restart', true],
  ['suspend', false],
  ['delete', false],
  ['move', false],
])('a stop because of %s is a restart that sac decided on: %s', (why, restart) => {
  expect(asked(why, 0)).toMatchObject({ onRestart: restart ? ['tell'] : [], preStop: ['save'] });
});

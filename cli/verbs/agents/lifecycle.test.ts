import { describe, expect, it } from 'vitest';
import type { Client } from '../../../api/client.ts';
import { EXIT, NoControllerError } from '../../../api/resources/errors.ts';
import { agent, fakeContext, fleet, instance } from '../../fake-context.ts';
import { run as lifecycle } from './lifecycle.ts';

describe('sac start, stop, restart', () => {
  const running = agent('web');
  const resting = agent('idle', { spec: { suspend: true }, status: { phase: 'Stopped', ready: false } });
  const ended = agent('done', { status: { phase: 'Succeeded', ready: false } });

  it('stop puts to rest and keeps declared', async () => {
    const { client, patches } = fleet(running, resting);
    const context = fakeContext({ client });
    expect(await lifecycle(['web'], { verb: 'stop' }, context)).toBe(EXIT.done);
    expect(await lifecycle(['idle'], { verb: 'stop' }, context)).toBe(EXIT.done);
    expect(patches).toEqual([{ spec: { suspend: true } }]);
    expect(context.out.text).toContain('agent/idle is stopped already');
  });
  it('start wakes what rests, starts anew what ended, leaves what runs', async () => {
    const { client, asked, patches } = fleet(running, resting, ended);
    const context = fakeContext({ client });
    expect(await lifecycle([], { verb: 'start', all: true }, context)).toBe(EXIT.done);
    expect(asked).toEqual(['patch idle', 'restart done by sac start']);
    expect(patches).toEqual([{ spec: { suspend: false } }]);
    expect(context.out.text).toBe(
      'agent/web is started already\nagent/idle starting\nagent/done starting anew (it was Succeeded)\n',
    );
  });
  it('one that is refused does not stop the others', async () => {
    const { client, asked } = fleet(running);
    const context = fakeContext({ client });
    expect(await lifecycle(['nope', 'web'], { verb: 'stop' }, context)).toBe(EXIT.notFound);
    expect(asked).toEqual(['patch web']);
    expect(context.err.text).toContain('"nope" not found');
  });
  it('ends at once when the controller is away', async () => {
    const { client } = fleet(running);
    const away = async () => {
      throw new NoControllerError('away');
    };
    const context = fakeContext({ client: { ...client, restart: away } });
    await expect(lifecycle(['web'], { verb: 'restart' }, context)).rejects.toMatchObject({
      exitCode: EXIT.noController,
    });
  });
  it('restart --wait waits for another run to be ready', async () => {
    const { client, asked } = fleet(running);
    const after = agent('web', { status: { instances: [instance('web', { pid: 200 })] } });
    const watch: Client['watch'] = async function* () {
      yield { type: 'MODIFIED', resourceVersion: 8, object: agent('web') } as never;
      yield { type: 'MODIFIED', resourceVersion: 9, object: after } as never;
      throw new Error('it waited on');
    };
    const context = fakeContext({ client: { ...client, watch } });
    expect(await lifecycle(['web'], { verb: 'restart', by: 'me', wait: true }, context)).toBe(EXIT.done);
    expect(asked).toEqual(['restart web by me']);
  });
  it('needs somebody named', async () => {
    await expect(lifecycle([], { verb: 'stop' }, fakeContext())).rejects.toMatchObject({ exitCode: EXIT.usage });
    await expect(lifecycle(['web', './x.yaml'], { verb: 'start' }, fakeContext())).rejects.toThrow(/not both/);
  });
});

import { describe, expect, it } from 'vitest';
import type { Client } from '../../../api/client.ts';
import { ConflictError, EXIT } from '../../../api/resources/errors.ts';
import type { Host } from '../../../api/resources/kinds/host.ts';
import { agent, fakeContext, fleet, instance, reading } from '../../fake-context.ts';
import { placement } from './check.ts';
import { run as cleanup } from './cleanup.ts';
import { run as inspect } from './inspect.ts';
import { run as status } from './status.ts';

describe('sac cleanup', () => {
  const agents = [
    agent('web'),
    agent('done', { status: { phase: 'Succeeded' } }),
    agent('bad', { status: { phase: 'Failed' } }),
  ];
  it('only lists, unless --terminal', async () => {
    for (const options of [{}, { terminal: true, dryRun: true }]) {
      const { client, asked } = fleet(...agents);
      const context = fakeContext({ client });
      await cleanup([], options, context);
      expect(asked).toEqual([]);
      expect(context.out.text).toMatch(/^agent\/done Succeeded.*\nagent\/bad Failed.*\n$/);
      expect(context.err.text).toContain('Nothing was deleted');
    }
  });
  it('--terminal deletes them, but not one that was started again meanwhile', async () => {
    const { client, asked } = fleet(...agents);
    const get: Client['get'] = async (_plural, name) =>
      agent(name, { status: { phase: name === 'bad' ? 'Starting' : 'Succeeded' } }) as never;
    const context = fakeContext({ client: { ...client, get } });
    expect(await cleanup([], { terminal: true }, context)).toBe(EXIT.done);
    expect(asked).toEqual(['remove done']);
    expect(context.out.text).toContain('agent/bad kept');
  });
  it('tells a refusal and goes on', async () => {
    const { client, asked } = fleet(...agents.slice(1));
    const remove: Client['remove'] = async (name) => {
      asked.push(name);
      throw new ConflictError(`${name} is declared elsewhere`);
    };
    const get: Client['get'] = async (_plural, name) => agent(name, { status: { phase: 'Failed' } }) as never;
    const context = fakeContext({ client: { ...client, remove, get } });
    expect(await cleanup([], { terminal: true }, context)).toBe(EXIT.conflict);
    expect(asked).toEqual(['done', 'bad']);
  });
});

describe('sac status and inspect', () => {
  const broken = agent('web', {
    status: {
      phase: 'Backoff',
      ready: false,
      conditions: [
        { type: 'Ready', status: 'False', reason: 'BackOff', message: 'It \u001b[31mdied.', lastTransitionTime: '' },
        { type: 'Blocked', status: 'False', reason: 'Free', message: 'no', lastTransitionTime: '' },
        { type: 'VersionMismatch', status: 'False', reason: 'AsAsked', message: 'fine', lastTransitionTime: '' },
      ],
      instances: [instance('web', { lastExit: { code: 3, at: '2026-01-01T00:00:00.000Z', reason: 'Error' } })],
    },
  });
  it('status says in a few lines what is wrong', async () => {
    const context = fakeContext({ client: reading(broken) });
    expect(await status(['web'], { verb: 'status' }, context)).toBe(EXIT.done);
    expect(context.out.text).toMatch(/^Status: +Backoff$/m);
    expect(context.out.text).toMatch(/^Condition: +Ready=False BackOff: It died\.$/m);
    expect(context.out.text).toContain('Error code 3');
    expect(context.out.text.match(/^Condition:/gm)).toHaveLength(1);
  });
  it('status of one as JSON is that agent, of all a List', async () => {
    const one = fakeContext({ client: { ...reading(broken), rich: async () => ({ pane_state: 'running' }) } });
    await status(['web'], { verb: 'status', json: true }, one);
    expect(JSON.parse(one.out.text)).toMatchObject({
      kind: 'Agent',
      metadata: { name: 'web' },
      pane_state: 'running',
    });
    const all = fakeContext({ client: reading(broken) });
    await status([], { verb: 'status', output: 'json' }, all);
    expect(JSON.parse(all.out.text)).toMatchObject({ kind: 'List', items: [{ metadata: { name: 'web' } }] });
  });
  it('inspect shows the end of what each instance printed', async () => {
    const client: Partial<Client> = {
      ...reading(broken),
      async *logs() {
        yield 'one\n\u001b[2Jtwo\n';
      },
    };
    const context = fakeContext({ client });
    await inspect(['web'], {}, context);
    expect(context.out.text).toMatch(/Last output of web:\n {2}one\n {2}two\n$/);
    const json = fakeContext({ client });
    await inspect(['web'], { json: true }, json);
    expect(JSON.parse(json.out.text).status.instances).toMatchObject([{ name: 'web', lastOutput: ['one', 'two'] }]);
  });
});

describe('where a manifest could run', () => {
  const host = (name: string, available: readonly string[]): Host => ({
    apiVersion: 'sac/v1',
    kind: 'Host',
    metadata: agent(name).metadata,
    spec: { address: name },
    status: {
      ready: true,
      agents: 0,
      conditions: [],
      places: ['tmux', 'process'].map((runtime) => ({
        runtime,
        available: available.includes(runtime),
        detail: 'not installed',
        agents: 0,
      })),
    },
  });
  const hosts = [host('local', ['process']), host('lab', ['tmux', 'process'])];
  const place = (value: object) => placement(agent('x', { spec: { place: value } }).spec, hosts);

  it.each<[object, readonly string[]]>([
    [{}, ['local']],
    [{ host: ['gone', 'lab'] }, ['lab']],
    [{ hosts: 'all' }, ['local', 'lab']],
    [{ host: 'lab', runtime: 'tmux' }, ['lab']],
  ])('%j fits', (value, takers) => expect(place(value)).toEqual({ takers }));
  it.each<[object, RegExp]>([
    [{ runtime: 'tmux' }, /runtime tmux on host local: not installed/],
    [{ host: 'gone' }, /there is no host "gone"/],
    [{ hosts: ['lab', 'gone'] }, /there is no host "gone"/],
    [{ hosts: 'all', runtime: 'tmux' }, /on host local/],
  ])('%j does not', (value, obstacle) => expect(place(value).obstacle).toMatch(obstacle));
});

import { describe, expect, it } from 'vitest';
import type { Client } from '../../../api/client.ts';
import { BadRequestError, EXIT, NotFoundError } from '../../../api/resources/errors.ts';
import { agent, fakeContext, instance } from '../../fake-context.ts';
import type { Options } from '../../verb.ts';
import { run } from './tree.ts';

const agents = [
  agent('web', {
    metadata: { source: { kind: 'git', name: 'fleet', revision: 'abc' } },
    status: {
      readyInstances: 1,
      desiredInstances: 2,
      instances: [
        instance('web-0', { session: 'web-0' }),
        { ...instance('web-1', { phase: 'Pending', ready: false }), host: '', runtime: '' },
      ],
    },
  }),
  agent('api', { metadata: { source: { kind: 'directory', name: '/srv/agents', revision: 'dead' } } }),
  agent('hand', { metadata: { source: { kind: 'apply', name: 'cli' } }, status: { instances: [] } }),
];
const source = (name: string) => ({
  kind: 'GitSource',
  metadata: { name },
  status: {
    lastAppliedRevision: '0123456789abcdef',
    conditions: [{ type: 'Ready', status: 'False', reason: 'Broken' }],
  },
});
const lists: Readonly<Record<string, readonly { readonly metadata: { readonly name: string } }[]>> = {
  agents,
  gitsources: [source('fleet'), source('idle')],
  hosts: [{ metadata: { name: 'local' }, status: { ready: true } } as never],
};
const list: Client['list'] = async (plural) => ({ items: lists[plural] }) as never;
const get: Client['get'] = async (plural, name) => {
  const found = lists[plural]?.find(({ metadata }) => metadata.name === name);
  if (!found) throw new NotFoundError(`${plural} ${name} not found`);
  return found as never;
};
async function tree(args: readonly string[], options: Options = {}): Promise<string> {
  const context = fakeContext({ client: { list, get } });
  expect(await run(args, options, context)).toBe(EXIT.done);
  return context.out.text;
}
const names = (drawn: string) =>
  drawn
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.replace(/(?<=\S) {3,}\S.*$/, ''));

describe('sac tree', () => {
  it('draws source, agent, instance, place, and a source without agents', async () => {
    const drawn = await tree([]);
    expect(names(drawn)).toEqual([
      'source/fleet',
      '└─ agent/web',
      '   ├─ instance/web-0',
      '   │  └─ local/tmux',
      '   └─ instance/web-1',
      'source/idle',
      'directory /srv/agents',
      '└─ agent/api',
      '   └─ instance/api',
      '      └─ local/tmux',
      'apply cli',
      '└─ agent/hand',
    ]);
    expect(drawn).toMatch(/^source\/fleet +False +Broken 0123456789ab +-$/m);
    expect(drawn).toMatch(/agent\/web +1\/2 +Running +\d+d$/m);
    expect(drawn).toMatch(/local\/tmux +True +web-0, pid 100 +-$/m);
    expect(drawn).toMatch(/instance\/web-1 +False +Pending/m);
  });
  it('has the same word for an agent as sac get', async () => {
    const nextStart = '2027-03-28T01:00:00.000Z';
    const held = [{ by: 'budget/web', action: 'stop' as const, reason: 'used up', since: nextStart }];
    const rest = [
      agent('asleep', { status: { phase: 'Stopped', nextStart } }),
      agent('kept', { status: { phase: 'Stopped', held } }),
      agent('leaving', { metadata: { deletionTimestamp: nextStart } }),
    ];
    const resting: Client['list'] = async (plural) => ({ items: plural === 'agents' ? rest : [] }) as never;
    const context = fakeContext({ client: { get, list: resting } });
    expect(await run([], {}, context)).toBe(EXIT.done);
    for (const line of [/agent\/asleep .* Scheduled /, /agent\/kept .* Held /, /agent\/leaving .* Terminating /])
      expect(context.out.text).toMatch(line);
  });
  it.each([
    [['api'], ['directory /srv/agents', '└─ agent/api', '   └─ instance/api', '      └─ local/tmux']],
    [['agent/hand'], ['apply cli', '└─ agent/hand']],
    [['source/idle'], ['source/idle']],
    [
      ['source/fleet', 'agent/hand'],
      'source/fleet,└─ agent/web,   ├─ instance/web-0,   │  └─ local/tmux,   └─ instance/web-1,apply cli,└─ agent/hand'.split(
        ',',
      ),
    ],
    [
      ['sources'],
      'source/fleet,└─ agent/web,   ├─ instance/web-0,   │  └─ local/tmux,   └─ instance/web-1,source/idle'.split(','),
    ],
  ])('of %s', async (args, lines) => expect(names(await tree(args))).toEqual(lines));
  it('as JSON is nested the same way', async () => {
    const { kind, items } = JSON.parse(await tree([], { output: 'json' }));
    expect(kind).toBe('Tree');
    expect(items[0]).toMatchObject({
      source: { kind: 'git', name: 'fleet', revision: '0123456789abcdef' },
      ready: false,
      agents: [
        { name: 'web', instances: [{ name: 'web-0', place: { host: 'local', ready: true } }, { name: 'web-1' }] },
      ],
    });
    expect(items[2].source).toEqual({ kind: 'directory', name: '/srv/agents', revision: 'dead' });
  });
  it('refuses what has no tree or is not there', async () => {
    await expect(tree(['host/local'])).rejects.toThrow(BadRequestError);
    await expect(tree(['nobody'])).rejects.toThrow(NotFoundError);
    await expect(tree(['source/nobody'])).rejects.toThrow(NotFoundError);
    await expect(tree([], { output: 'wide' })).rejects.toThrow(BadRequestError);
  });
});

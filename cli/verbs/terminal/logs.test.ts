import { beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../../api/client.ts';
import type { LogQuery } from '../../../api/protocol.ts';
import type { Agent } from '../../../api/resources/agent/agent.ts';
import { EXIT, NotFoundError } from '../../../api/resources/errors.ts';
import { agent, fakeContext, instance, reading } from '../../fake-context.ts';
import type { Options } from '../../verb.ts';
import { run as logs } from './logs.ts';

describe('sac logs', () => {
  const queries: (LogQuery & { readonly name: string })[] = [];
  const printing = (...agents: readonly Agent[]): Partial<Client> => ({
    ...reading(...agents),
    async *logs(name, { signal: _signal, ...query } = {}) {
      queries.push({ name, ...query });
      if (query.instance === 'gone') throw new NotFoundError('not started yet');
      yield 'hello \u001b]52;c;xx\u0007';
      yield 'world\n';
    },
  });
  beforeEach(() => void queries.splice(0));

  it('strips what a terminal would obey', async () => {
    const context = fakeContext({ client: printing(agent('web')) });
    expect(await logs(['web'], { tail: '5', previous: true, follow: true }, context)).toBe(EXIT.done);
    expect(context.out.text).toBe('hello world\n');
    expect(queries).toEqual([{ name: 'web', tail: 5, previous: true, follow: true }]);
  });
  it('says which of several instances this is', async () => {
    const many = agent('web', { status: { instances: [instance('web'), instance('web-1')] } });
    const context = fakeContext({ client: printing(many) });
    await logs(['web'], {}, context);
    expect(context.err.text).toContain('--instance shows web-1');
  });
  it('shows all instances of many with their names, and goes on when one cannot be shown', async () => {
    const agents = [agent('web', { status: { instances: [instance('web'), instance('web-1')] } }), agent('gone')];
    const context = fakeContext({ client: printing(...agents) });
    expect(await logs([], { selector: 'a=b' }, context)).toBe(EXIT.notFound);
    expect(context.out.text.split('\n').sort()).toEqual(['', '[web-1] hello world', '[web] hello world']);
    expect(context.err.text).toContain('not started yet');
    expect(queries.every(({ tail }) => tail === 10)).toBe(true);
  });
  it.each<[readonly string[], Options]>([
    [[], {}],
    [['a', 'b'], {}],
    [['web'], { tail: 'many' }],
    [['web'], { selector: 'a=b' }],
  ])('refuses %j %j before it asks anybody', async (args, options) =>
    expect(logs(args, options, fakeContext())).rejects.toMatchObject({ exitCode: EXIT.usage }),
  );
});

import { expect, it } from 'vitest';
import { InvalidError } from '../../../api/resources/errors.ts';
import { agent, fakeContext } from '../../fake-context.ts';
import { run } from './get.ts';

it('prints the table that the controller made, several below each other, and says which is empty', async () => {
  const asked: unknown[] = [];
  const context = fakeContext({
    client: {
      table: async (plural, query) => {
        asked.push([plural, query]);
        const rows = plural === 'hosts' ? [] : [[plural.slice(0, -1), '1']];
        return { apiVersion: 'sac/v1', kind: 'Table', metadata: { resourceVersion: 1 }, columns: ['NAME', 'N'], rows };
      },
    },
  });
  expect(await run(['agents,hosts,budgets'], { output: 'wide', selector: 'a=b' }, context)).toBe(0);
  expect(asked[0]).toEqual(['agents', { labelSelector: 'a=b', wide: true, labels: false }]);
  expect(context.out.text).toBe('NAME    N\nagent   1\n\nNAME     N\nbudget   1\n');
  expect(context.err.text).toBe('No hosts found.\n');
});

it.each(['yaml', 'json', 'jsonpath={.items[*].spec}', 'custom-columns=E:.spec.env'])(
  'shows no declared secret in %s, unless --raw asks for it',
  async (output) => {
    const asked: unknown[] = [];
    const shown = async (options: Readonly<Record<string, boolean>>) => {
      const items = [agent('web', { spec: { env: { API_TOKEN: 'hunter2', MODE: 'fast' } } })];
      const list = async (_plural: string, query: unknown) => {
        asked.push(query);
        return { items } as never;
      };
      const context = fakeContext({ client: { list } });
      expect(await run(['agents'], { output, ...options }, context)).toBe(0);
      expect(context.out.text).toContain('fast');
      return context.out.text;
    };
    expect(await shown({})).not.toContain('hunter2');
    expect(await shown({ raw: true })).toContain('hunter2');
    expect(asked).toEqual([{}, { raw: true }]);
  },
);

it('makes the table itself of what an older controller lists', async () => {
  const old = async () => {
    throw new InvalidError(['query as: is not a known field']);
  };
  const context = fakeContext({ client: { list: async () => ({ items: [agent('web')] }) as never, table: old } });
  expect(await run(['agents'], {}, context)).toBe(0);
  expect(context.out.text).toMatch(/^NAME +READY.*\nweb /);
});

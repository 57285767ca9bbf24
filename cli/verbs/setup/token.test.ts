import { describe, expect, it } from 'vitest';
import type { Client } from '../../../api/client.ts';
import type { TokenCreateRequest } from '../../../api/protocol.ts';
import { EXIT } from '../../../api/resources/errors.ts';
import { fakeContext } from '../../fake-context.ts';
import { run } from './token.ts';

const info = {
  id: '1a2b',
  role: 'viewer',
  description: 'for \u001b[31mme',
  createdAt: '2026-01-01T00:00:00.000Z',
} as const;

describe('sac token', () => {
  it('prints the token alone, so that it can be put into a file', async () => {
    const asked: TokenCreateRequest[] = [];
    const createToken: Client['createToken'] = async (request) => {
      asked.push(request);
      return { ...info, token: 'sac_xyz' };
    };
    const context = fakeContext({ client: { createToken } });
    expect(await run([], { verb: 'create', role: 'viewer', description: 'for me' }, context)).toBe(EXIT.done);
    expect(context.out.text).toBe('sac_xyz\n');
    expect(context.err.text).toContain('only now');
    expect(asked).toEqual([{ role: 'viewer', description: 'for me' }]);
  });
  it('lists without control sequences', async () => {
    const context = fakeContext({ client: { listTokens: async () => [info] } });
    await run([], { verb: 'list' }, context);
    expect(context.out.text).toMatch(/^1a2b +viewer +for me +<never>/m);
  });
  it('deletes by id', async () => {
    const gone: string[] = [];
    const deleteToken: Client['deleteToken'] = async (id) => void gone.push(id);
    await run(['1a2b', '3c4d'], { verb: 'delete' }, fakeContext({ client: { deleteToken } }));
    expect(gone).toEqual(['1a2b', '3c4d']);
  });
  it.each([
    [[], { verb: 'create' }, /admin, operator or viewer/],
    [[], { verb: 'create', role: 'root' }, /"root" does not exist/],
    [[], { verb: 'delete' }, /sac token list/],
    [[], { verb: 'list', output: 'xml' }, /not json/],
  ])('refuses %j %j before it asks anybody', async (args, options, message) => {
    const refused = run(args, options, fakeContext());
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toMatchObject({ exitCode: EXIT.usage });
  });
});

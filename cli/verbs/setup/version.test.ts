import { expect, it } from 'vitest';
import { EXIT, NoControllerError } from '../../../api/resources/errors.ts';
import { BUILD, VERSION } from '../../../api/version.ts';
import { fakeContext } from '../../fake-context.ts';
import { run } from './version.ts';

const asked = async (answer: { readonly version: string; readonly build?: string }, options = {}) => {
  const context = fakeContext({ client: { version: async () => answer } });
  expect(await run([], options, context)).toBe(EXIT.done);
  return { out: context.out.text, err: context.err.text };
};

it('two installations that bear one version and hold other code are told apart', async () => {
  expect(await asked({ version: VERSION, build: BUILD })).toEqual({
    out: `client: ${VERSION} (${BUILD})\ncontroller: ${VERSION} (${BUILD})\n`,
    err: '',
  });
  const other = await asked({ version: VERSION, build: '0123456789ab' });
  expect(other.out).toContain(`controller: ${VERSION} (0123456789ab)`);
  expect(other.err).toContain('built from other code');
  // One that does not say its build is older than the saying.
  expect((await asked({ version: VERSION })).err).toContain('built from other code');
  expect(JSON.parse((await asked({ version: VERSION, build: 'x' }, { output: 'json' })).out)).toEqual({
    client: VERSION,
    controller: VERSION,
    builds: { client: BUILD, controller: 'x' },
    differ: true,
  });
});

it('without a controller it says so, and compares with nothing', async () => {
  const context = fakeContext();
  const none = async () => {
    throw new NoControllerError('none');
  };
  expect(await run([], {}, { ...context, running: none })).toBe(EXIT.done);
  expect([context.out.text, context.err.text]).toEqual([`client: ${VERSION} (${BUILD})\ncontroller: none runs\n`, '']);
});

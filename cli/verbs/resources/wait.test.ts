import { expect, it } from 'vitest';
import { fakeContext } from '../../fake-context.ts';
import { run } from './wait.ts';

it.each([[['source/fleet']], [['gitsource', 'fleet']]])(
  'names the verb that waits for a git source: %s',
  async (args) => {
    const asked = run(args, { for: ['condition=Ready'] }, fakeContext({ client: {} }));
    await expect(asked).rejects.toThrow('`sac sync fleet --wait` waits for git sources');
  },
);

import { expect, it } from 'vitest';
import { gitErrorFrom } from './git-error.ts';

it.each(['file', 'http'])('a protocol that is not allowed (%s) says what would allow it', (protocol) => {
  const error = gitErrorFrom(`fatal: transport '${protocol}' not allowed\n`, 'asking x');
  expect(error).toMatchObject({ kind: 'Refused', message: expect.stringContaining(`SAC_GIT_ALLOW=${protocol}`) });
});

it('a protocol that never is allowed promises nothing', () => {
  expect(gitErrorFrom("fatal: transport 'ext' not allowed\n", 'asking x').message).not.toContain('SAC_GIT_ALLOW');
});

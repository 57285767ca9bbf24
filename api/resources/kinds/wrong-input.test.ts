import { expect, it } from 'vitest';
import { gitSourceSpecSchema } from './git-source.ts';
import { notifierSpecSchema } from './notifier.ts';

const problems = (schema: typeof gitSourceSpecSchema | typeof notifierSpecSchema, spec: object): readonly string[] =>
  (schema.safeParse(spec).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);

it('a source with a wrong address is told that, and nothing of keys for ssh', () => {
  expect(problems(gitSourceSpecSchema, { url: 'htp://host/x' })).toEqual(['url: is not an https, ssh or file address']);
  expect(problems(gitSourceSpecSchema, { url: 'git@host:x.git' })).toEqual([
    'auth.sshKeyFile: is required for an ssh address: a private key file',
  ]);
});

it('a range of versions is read when it is declared, not when it is looked for', () => {
  expect(problems(gitSourceSpecSchema, { url: 'https://host/x', ref: { semver: 'not a range' } })).toEqual([
    'ref.semver: is not a range of versions (^1.2, ~1.4.0, >=1.0 <2, 1.x)',
  ]);
  expect(problems(gitSourceSpecSchema, { url: 'https://host/x', ref: { semver: '>=1.0 <2 || 3.x' } })).toEqual([]);
});

it('a notifier of a condition that nothing has would be silent for ever: it is refused', () => {
  const rule = (condition: object) =>
    problems(notifierSpecSchema, { command: { argv: ['true'] }, conditions: [condition] });
  expect(rule({ type: 'Bloked' })).toEqual([
    'conditions.0.type: is no condition of anything that is told of; did you mean Blocked?',
  ]);
  expect(rule({ type: 'Exceeded', kinds: ['GitSource'] })).toEqual([
    'conditions.0.type: is no condition of GitSource; known: Ready, Fetched, Verified, Synced, Healthy',
  ]);
  expect(rule({ type: 'Exceeded', kinds: ['Budget', 'Agent'] })).toEqual([]);
});

/** An agent never runs under another identity than its manifest says. */
import { afterEach, expect, it, vi } from 'vitest';
import { PROFILES } from '../../adapters/profiles/profiles.ts';
import { agentSpecSchema } from '../../api/resources/agent/agent.ts';
import { launchOf } from './profiles.ts';

afterEach(() => vi.unstubAllEnvs());
/** `env` as it may be stored from before: read now it would be refused. */
const launch = (claude: Readonly<Record<string, unknown>>, env: Readonly<Record<string, string>> = {}) =>
  launchOf(
    PROFILES['claude-code'],
    { ...agentSpecSchema.parse({ profile: 'claude-code', claude }), env: { ...env } },
    (account) => (account === 'work' ? { token: 't' } : { refused: `no "${account}"` }),
  );

it('the key of another service comes from the controller’s environment; without it nothing is started', () => {
  const provider = { baseUrl: 'https://models.example', authTokenEnv: 'SAC_TEST_KEY' };
  vi.stubEnv('SAC_TEST_KEY', 'k');
  expect(launch({ provider })).toMatchObject({
    env: { ANTHROPIC_BASE_URL: 'https://models.example', ANTHROPIC_AUTH_TOKEN: 'k' },
  });
  expect(launch({ provider }).refused).toBeUndefined();
  for (const value of ['', undefined]) {
    vi.stubEnv('SAC_TEST_KEY', value);
    expect(launch({ provider }).refused).toContain('SAC_TEST_KEY');
  }
});

it('a pinned login that is not there is not replaced by whichever there is', () => {
  expect(launch({ account: 'gone' }).refused).toBe('no "gone"');
  expect(launch({}).refused).toBeUndefined();
});

it('a pinned login is named in the launch, its token is not; what would be used in its stead is taken out', () => {
  const { refused, login, withheld, env } = launch({ account: 'work' });
  expect(refused).toBeUndefined();
  expect(login).toEqual({ account: 'work', variable: 'CLAUDE_CODE_OAUTH_TOKEN' });
  expect(withheld).toEqual(expect.arrayContaining(['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN']));
  expect(Object.keys(env)).toEqual(['DISABLE_AUTOUPDATER']);
});

it.each(['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'])(
  'a manifest with both a login and %s is not guessed about',
  (name) => expect(launch({ account: 'work' }, { [name]: 'x' }).refused).toContain(`env.${name} exclude`),
);

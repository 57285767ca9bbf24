/** An agent never runs under another identity than its manifest says. */
import { afterEach, expect, it, vi } from 'vitest';
import { PROFILES } from '../../adapters/profiles/profiles.ts';
import { agentSpecSchema } from '../../api/resources/agent/agent.ts';
import { launchOf } from './profiles.ts';

afterEach(() => vi.unstubAllEnvs());
const launch = (claude: Readonly<Record<string, unknown>>) =>
  launchOf(PROFILES['claude-code'], agentSpecSchema.parse({ profile: 'claude-code', claude }));

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
  expect(launch({ account: 'work' }).refused).toContain('"work"');
  expect(launch({}).refused).toBeUndefined();
});

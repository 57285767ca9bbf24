/**
 * Owns: the surroundings in which a real agent CLI runs in a test: its own HOME, made-up keys, the model server's address.
 * Never: passes anything of the developer's own environment on.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentCli, InstalledCli } from './install.ts';

/** Made up; shaped like the real ones so that the CLIs take them. */
export const TEST_KEY = 'sk-test-0000000000000000000000000000000000000000';

/**
 * Variables for the CLI, and its settings written below `home`. Trust and permission questions stay as on a cold start.
 * The folder must exist.
 */
export function agentEnvironment(
  cli: AgentCli,
  installed: InstalledCli,
  { home, url }: { readonly home: string; readonly url: string },
): Readonly<Record<string, string>> {
  const shared = {
    HOME: home,
    PATH: [installed.bin, process.execPath.replace(/\/[^/]+$/, ''), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
    LANG: 'C.UTF-8',
    TERM: 'xterm-256color',
    // Nothing but loopback, whatever the CLI would like to look up.
    HTTP_PROXY: 'http://127.0.0.1:9',
    HTTPS_PROXY: 'http://127.0.0.1:9',
    NO_PROXY: '127.0.0.1,localhost',
  };
  switch (cli) {
    case 'claude-code':
      // Without this the first run checks the network and stops there.
      write(home, '.claude.json', JSON.stringify({ hasCompletedOnboarding: true, theme: 'dark' }));
      return {
        ...shared,
        ANTHROPIC_BASE_URL: url,
        ANTHROPIC_AUTH_TOKEN: TEST_KEY,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
        IS_SANDBOX: '1',
      };
    case 'codex':
      write(
        home,
        join('.codex', 'config.toml'),
        [
          'model = "gpt-test"',
          'model_provider = "test"',
          'check_for_update_on_startup = false',
          '[model_providers.test]',
          'name = "test"',
          `base_url = "${url}/v1"`,
          'env_key = "TEST_API_KEY"',
          'wire_api = "responses"',
          'request_max_retries = 1',
          'stream_max_retries = 1',
          '',
        ].join('\n'),
      );
      return { ...shared, TEST_API_KEY: TEST_KEY };
    case 'gemini':
      write(
        home,
        join('.gemini', 'settings.json'),
        JSON.stringify({
          security: { auth: { selectedType: 'gemini-api-key' } },
          general: { enableAutoUpdate: false, disableAutoUpdate: true },
          privacy: { usageStatisticsEnabled: false },
        }),
      );
      return { ...shared, GEMINI_API_KEY: TEST_KEY, GOOGLE_GEMINI_BASE_URL: url };
    case 'opencode':
      write(
        home,
        join('.config', 'opencode', 'opencode.json'),
        JSON.stringify({
          autoupdate: false,
          model: 'test/model',
          provider: {
            test: {
              npm: '@ai-sdk/openai-compatible',
              name: 'test',
              options: { baseURL: `${url}/v1`, apiKey: TEST_KEY },
              models: { model: { name: 'model' } },
            },
          },
        }),
      );
      return shared;
    case 'pi':
      write(
        home,
        join('.pi', 'agent', 'models.json'),
        JSON.stringify({
          providers: {
            test: {
              baseUrl: `${url}/v1`,
              api: 'openai-completions',
              apiKey: TEST_KEY,
              models: [{ id: 'model', name: 'model', contextWindow: 200_000, maxTokens: 8_000 }],
            },
          },
        }),
      );
      return { ...shared, PI_OFFLINE: '1' };
  }
}

function write(home: string, path: string, content: string): void {
  const target = join(home, path);
  mkdirSync(join(target, '..'), { recursive: true });
  writeFileSync(target, content);
}

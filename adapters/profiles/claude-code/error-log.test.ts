import { describe, expect, test } from 'vitest';
import { agentSpecSchema } from '../../../api/resources/agent/agent.ts';
import { errorLogEnv, errorLogLine } from './error-log.ts';
import { readClaudeHooks } from './hooks.ts';

/** As 2.1.197 writes it. */
const failed = (rest: string, attempt = 4) =>
  `2026-11-21T21:02:39.386Z [ERROR] API error (attempt ${attempt}/11): ${rest}`;
const answer = (status: number, type: string, message: string) =>
  `${status} ${status} {"type":"error","error":{"type":"${type}","message":"${message}"},"request_id":"req_1"}`;

describe('a request that is tried again', () => {
  test.each([
    [answer(529, 'overloaded_error', 'Overloaded'), 'error', '529: Overloaded', 'overloaded'],
    [
      answer(429, 'rate_limit_error', 'Number of requests has exceeded your rate limit'),
      'rate_limited',
      '429: Number of requests has exceeded your rate limit',
    ],
    [answer(401, 'authentication_error', 'invalid x-api-key'), 'auth_error', '401: invalid x-api-key'],
    ['undefined Connection error.', 'error', 'Connection error.'],
    ['502 <html>Bad gateway</html>', 'error', '502: <html>Bad gateway</html>', 'server_error'],
  ])('%s', (rest, activity, reason, fault?: string) => {
    const event = errorLogLine(failed(rest));
    if (event === undefined) throw new Error('not understood');
    expect(event.at).toBe(Date.parse('2026-11-21T21:02:39.386Z'));
    expect(readClaudeHooks([event])).toEqual({
      requestError: { value: { activity, reason, ...(fault && { fault }) }, source: 'hooks', at: event.at },
    });
  });

  test('is over with whatever happens next, but not with a notification', () => {
    const event = errorLogLine(failed(answer(529, 'overloaded_error', 'Overloaded')));
    if (event === undefined) throw new Error('not understood');
    const next = (hook_event_name: string) =>
      readClaudeHooks([event, { kind: 'other', at: event.at + 1, payload: { hook_event_name }, cut: false }]);
    expect(next('Notification').requestError).toBeDefined();
    for (const name of ['Stop', 'StopFailure', 'UserPromptSubmit', 'PreToolUse'])
      expect(next(name).requestError).toBeUndefined();
  });

  test('what it was told of a secret is not passed on', () => {
    const event = errorLogLine(failed(answer(401, 'authentication_error', `bad key sk-ant-api03-${'a'.repeat(80)}`)));
    expect(JSON.stringify(readClaudeHooks(event ? [event] : []))).not.toContain('aaaaaaaa');
  });
});

test.each([
  '',
  '2026-11-21T21:02:39.386Z [DEBUG] API error (attempt 1/11): 529 529 {}',
  '2026-11-21T21:02:39.386Z [ERROR] HTTPS git clone failed',
  'never [ERROR] API error (attempt 1/11): 529 529 {}',
  'fatal: unable to access',
])('no event: %s', (line) => {
  expect(errorLogLine(line)).toBeUndefined();
});

test('a manifest that debugs on its own is left to it', () => {
  const env = (spec: object) => errorLogEnv(agentSpecSchema.parse({ profile: 'claude-code', ...spec }), '/spool');
  expect(env({})['CLAUDE_CODE_DEBUG_LOGS_DIR']).toBe('/spool');
  expect(env({ claude: { flags: ['--debug-file=/x'] } })).toEqual({});
  expect(env({ command: ['claude', '-d'] })).toEqual({});
  expect(env({ env: { DEBUG_SDK: '' } })).toEqual({});
});

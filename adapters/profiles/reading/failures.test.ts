import { expect, test } from 'vitest';
import { failureIn } from './failures.ts';

test.each([
  ['429 Number of requests has exceeded your rate limit', 'rate_limited'],
  ["Request rejected (429) · This request would exceed your account's rate limit.", 'rate_limited'],
  ["You've hit your session limit · resets 3pm (UTC)", 'limit_reached'],
  ['Credit balance too low · Add funds', 'limit_reached'],
  ['429 You exceeded your current quota, please check your plan and billing details', 'limit_reached'],
  ['Please run /login · API Error: 403', 'auth_error'],
  ['API key not\n  valid. Please pass a\n  valid API key.', 'auth_error'],
  ['Prompt is too long', 'context_low'],
  ['API Error: 529 Overloaded', 'error'],
] as const)('%j is %s', (message, activity) => {
  expect(failureIn(message).activity).toBe(activity);
});

test('the time of reset is told as the CLI says it', () => {
  expect(failureIn("You've hit your session limit · resets 3pm (UTC)").resetsAt).toBe('3pm (UTC)');
  expect(failureIn('API Error: 500').resetsAt).toBeUndefined();
});

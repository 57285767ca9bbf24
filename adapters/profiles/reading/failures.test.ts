import { expect, test } from 'vitest';
import { failureIn, faultIn } from './failures.ts';

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

test.each([
  ['API Error: 529 Overloaded. This is a server-side issue', 'overloaded'],
  ['API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', 'overloaded'],
  ['Repeated 529\n  Overloaded errors. The API is at capacity', 'overloaded'],
  ['[API Error: {"error":{"code":503,"status":"UNAVAILABLE","message":"The model is overloaded."}}]', 'overloaded'],
  ['Opus is experiencing high load, please use /model to switch', 'overloaded'],
  ['API Error: 500 Internal server error', 'server_error'],
  ['502: <html>Bad gateway</html>', 'server_error'],
  ['server_error', 'server_error'],
  ['unexpected status 504 Gateway Timeout', 'server_error'],
  ['Connection error.', undefined],
  ["There's an issue with the selected model (claude-500x)", undefined],
] as const)('%j: the fault of %s', (message, fault) => {
  expect(failureIn(message)).toMatchObject({ activity: 'error' });
  expect([faultIn(message), failureIn(message).fault]).toEqual([fault, fault]);
});

test('what is refused for a reason of ours is no fault of the service, whatever else stands there', () => {
  expect(failureIn('429 rate limit; earlier: 529 Overloaded').fault).toBeUndefined();
});

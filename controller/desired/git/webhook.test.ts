import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deliveries, judge, type Notice } from './webhook.ts';

const SECRET = 'between us';
const MAIN = { branch: 'main' };
const push = (ref = 'refs/heads/main') => Buffer.from(JSON.stringify({ ref, after: 'x' }));
const hmac = (body: Uint8Array, secret = SECRET) => createHmac('sha256', secret).update(body).digest('hex');
const forms: Readonly<Record<string, (body: Uint8Array, secret?: string) => Notice>> = {
  GitHub: (body, secret) => ({
    body,
    headers: { 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${hmac(body, secret)}` },
  }),
  Gitea: (body, secret) => ({
    body,
    headers: {
      'x-gitea-event': 'push',
      'x-gitea-signature': hmac(body, secret),
      'x-hub-signature-256': `sha256=${hmac(body, secret)}`,
    },
  }),
  GitLab: (body, secret = SECRET) => ({ body, headers: { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': secret } }),
};

describe.each(Object.entries(forms))('a push notice of %s', (forge, notice) => {
  it('is taken when it is genuine and about the ref', () => {
    expect(judge(notice(push()), SECRET, MAIN)).toMatchObject({ outcome: 'sync' });
    expect(judge(notice(push('refs/heads/other')), SECRET, MAIN)).toMatchObject({ outcome: 'ignored' });
    expect(judge(notice(push('refs/tags/v1')), SECRET, { semver: '^1' })).toMatchObject({ outcome: 'sync' });
    expect(judge(notice(push('refs/tags/v1')), SECRET, { tag: 'v2' })).toMatchObject({ outcome: 'ignored' });
    expect(judge(notice(Buffer.from('{}')), SECRET, MAIN)).toMatchObject({ outcome: 'sync' });
  });

  it('is refused with another secret, or none', () => {
    expect(judge(notice(push(), 'guessed'), SECRET, MAIN)).toMatchObject({ outcome: 'refused' });
    expect(judge(notice(push(), ''), '', MAIN)).toMatchObject({ outcome: 'refused' });
    const { body, headers } = notice(push());
    for (const name of Object.keys(headers).filter((one) => /signature|token/.test(one)))
      expect(judge({ body, headers: { ...headers, [name]: [SECRET, SECRET] } }, 'other', MAIN)).toMatchObject({
        outcome: 'refused',
      });
  });

  it('is refused when a single byte of it is another', () => {
    if (forge === 'GitLab') return expect(judge(notice(push(), `${SECRET} `), SECRET, MAIN).outcome).toBe('refused');
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const { body, headers } = notice(push());
        const changed = Buffer.from(body);
        const where = at % changed.length;
        changed[where] = (changed[where] ?? 0) ^ flip;
        expect(judge({ body: changed, headers }, SECRET, MAIN)).toMatchObject({ outcome: 'refused' });
      }),
    );
    return undefined;
  });
});

describe('a notice', () => {
  it('that is signed by nobody is refused, one that is no push ignored', () => {
    expect(judge({ body: push(), headers: { 'x-github-event': 'push' } }, SECRET, MAIN)).toMatchObject({
      outcome: 'refused',
    });
    const body = push();
    const headers = { 'x-github-event': 'ping', 'x-hub-signature-256': `sha256=${hmac(body)}` };
    expect(judge({ body, headers }, SECRET, MAIN)).toMatchObject({ outcome: 'ignored' });
  });

  it('is taken once, until it is forgotten; few are remembered', () => {
    const deliveries = new Deliveries(100, 3);
    expect([deliveries.take('a', '1', 0), deliveries.take('a', '1', 50), deliveries.take('b', '1', 50)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(deliveries.take('a', '1', 101)).toBe(true);
    for (const digest of ['2', '3', '4']) expect(deliveries.take('a', digest, 102)).toBe(true);
    expect(deliveries.take('a', '4', 103)).toBe(false);
  });
});

import { describe, expect, it } from 'vitest';
import { hostSpecSchema } from './host.ts';

const takes = (spec: object): boolean => hostSpecSchema.safeParse({ address: 'gpu1', ...spec }).success;

describe('a hop of a host', () => {
  it.each([
    'bastion',
    'me@bastion',
    'me@bastion:22',
    'bastion:65535',
    '[::1]:22',
    'me@[fe80::1]:22',
    'fe80::1',
    '::1',
    'ssh://me@bastion:22',
  ])('may be %s', (hop) => expect(takes({ jump: [hop] })).toBe(true));
  it.each([
    '-oProxyCommand=x',
    'a b',
    'bastion:0',
    'bastion:65536',
    'me@bastion:99999',
    'bastion:ssh',
    'bastion:',
    '[::1]:x',
  ])('is never %s', (hop) => expect(takes({ jump: [hop] })).toBe(false));
});

it('a runtime of a host is one that there is', () => {
  expect(takes({ runtimes: ['tmux', 'slurm-tenant'] })).toBe(true);
  expect(takes({ runtimes: ['tmxu'] })).toBe(false);
});

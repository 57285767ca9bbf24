import { describe, expect, it } from 'vitest';
import type { HostName } from '../../../api/resources/names.ts';
import { parseHop, resolveRoute, type SshTransportOptions } from './destination.ts';

const declared = (more: Partial<SshTransportOptions>): SshTransportOptions => ({
  host: 'web' as HostName,
  address: 'web',
  home: '/home/me',
  localUser: 'me',
  now: () => 0,
  ...more,
});
const route = (config: string, more: Partial<SshTransportOptions> = {}) =>
  resolveRoute(declared(more), config).map(({ user, address, port }) => `${user}@${address}:${port}`);

describe('parseHop', () => {
  it.each([
    ['web', { address: 'web' }],
    ['me@web:2222', { address: 'web', user: 'me', port: 2222 }],
    ['ssh://me@web:22', { address: 'web', user: 'me', port: 22 }],
    ['[::1]:2222', { address: '::1', port: 2222 }],
    ['me@fe80::1', { address: 'fe80::1', user: 'me' }],
  ])('reads %s', (text, hop) => {
    expect(parseHop(text)).toEqual(hop);
  });

  it.each(['', '-oProxyCommand=x', 'a b', 'web:0', 'web:99999', 'x@', '-l@web', 'web;id', '$(id)', "a'b@web"])(
    'refuses %j',
    (text) => {
      expect(() => parseHop(text)).toThrow(RangeError);
    },
  );
});

describe('resolveRoute', () => {
  it('takes what nobody declared from nowhere', () => {
    expect(resolveRoute(declared({}), '')).toEqual([
      {
        alias: 'web',
        address: 'web',
        port: 22,
        user: 'me',
        identityFiles: [],
        identitiesOnly: false,
        knownHostsFiles: ['/home/me/.ssh/known_hosts', '/home/me/.ssh/known_hosts2', '/etc/ssh/ssh_known_hosts'],
      },
    ]);
  });

  it('follows aliases and their jumps; what is declared wins', () => {
    const config =
      'Host web\n HostName 10.0.0.1\n User a\n Port 2222\n ProxyJump gate,b@mid:23\nHost gate\n HostName g\n ProxyJump outer\n';
    expect(route(config)).toEqual(['me@outer:22', 'me@g:22', 'b@mid:23', 'a@10.0.0.1:2222']);
    expect(route(config, { user: 'x', port: 1, jump: [] })).toEqual(['x@10.0.0.1:1']);
    expect(route('Host web\n ProxyJump none\n')).toEqual(['me@web:22']);
  });

  it('expands identities and files', () => {
    const config =
      'host *\n identityfile ~/.ssh/%h_%r\n IdentityFile %d/%%x\n IdentitiesOnly yes\n UserKnownHostsFile ~/a /b\n';
    expect(resolveRoute(declared({}), config)[0]).toMatchObject({
      identityFiles: ['/home/me/.ssh/web_me', '/home/me/%x'],
      identitiesOnly: true,
      knownHostsFiles: ['/home/me/a', '/b'],
    });
  });

  it('refuses a circle, and what an alias must not become', () => {
    expect(() => route('Host web\n ProxyJump b\nHost b\n ProxyJump web\n')).toThrow(/circle/);
    expect(() => route('Host web\n HostName -oProxyCommand=x\n')).toThrow(RangeError);
  });
});

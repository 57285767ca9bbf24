import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkHostKey, fingerprint, knownKeyTypes, matchesPatterns, parseKnownHosts } from './known-hosts.ts';

let dir: string;
const keys = new Map<string, string>();
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-known-'));
  for (const [name, type] of [
    ['a', 'ed25519'],
    ['b', 'ed25519'],
    ['e', 'ecdsa'],
  ] as const) {
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'no comment', '-f', join(dir, name)]);
    keys.set(
      name,
      readFileSync(join(dir, `${name}.pub`), 'utf8')
        .split(' ')
        .slice(0, 2)
        .join(' '),
    );
  }
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const key = (name: string): string => keys.get(name) ?? '';
const blob = (name: string): Uint8Array => Buffer.from(key(name).split(' ')[1] ?? '', 'base64');
const check = (text: string, host: string, port: number, name: string) =>
  checkHostKey(parseKnownHosts(text, 'kh'), host, port, blob(name));

describe('checkHostKey', () => {
  it('knows, does not know, and sees a change', () => {
    expect(check(`web ${key('a')} comment here\n`, 'web', 22, 'a')).toEqual({ kind: 'known' });
    expect(check(`web ${key('a')}\n`, 'WEB', 22, 'a').kind).toBe('known');
    expect(check(`web ${key('a')}\n`, 'other', 22, 'a').kind).toBe('unknown');
    expect(check(`# x\n\nweb ${key('a')}\n`, 'web', 22, 'b')).toEqual({ kind: 'changed', where: 'kh:3' });
    expect(check(`web ${key('a')}\nweb ${key('b')}\n`, 'web', 22, 'b').kind).toBe('known');
  });

  it('tells by which other keys a host is known', () => {
    expect(check(`web ${key('e')}\n`, 'web', 22, 'a')).toMatchObject({
      kind: 'unknown',
      other: ['ecdsa-sha2-nistp256'],
    });
    expect(knownKeyTypes(parseKnownHosts(`web ${key('e')}\n`, 'kh'), 'web', 22)).toEqual(['ecdsa-sha2-nistp256']);
  });

  it('keeps ports apart; a key of the bare host counts for all its ports', () => {
    expect(check(`[web]:2222 ${key('a')}\n`, 'web', 2222, 'a').kind).toBe('known');
    expect(check(`[web]:2222 ${key('a')}\n`, 'web', 22, 'a').kind).toBe('unknown');
    expect(check(`[web]:2222 ${key('a')}\n`, 'web', 2222, 'b').kind).toBe('changed');
    expect(check(`web ${key('a')}\n`, 'web', 2222, 'a').kind).toBe('known');
    expect(check(`web ${key('a')}\n`, 'web', 2222, 'b').kind).toBe('unknown');
  });

  it('reads what ssh-keygen -H wrote', () => {
    const file = join(dir, 'hashed');
    writeFileSync(file, `web,10.0.0.1 ${key('a')}\n[web]:2222 ${key('b')}\n[::1]:2022 ${key('e')}\n`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
    const text = readFileSync(file, 'utf8');
    expect(text).not.toContain('web');
    expect(check(text, 'web', 22, 'a').kind).toBe('known');
    expect(check(text, '10.0.0.1', 22, 'a').kind).toBe('known');
    expect(check(text, 'web', 2222, 'b').kind).toBe('known');
    expect(check(text, '::1', 2022, 'e').kind).toBe('known');
    expect(check(text, 'web', 22, 'b').kind).toBe('changed');
    expect(check(text, 'wex', 22, 'a').kind).toBe('unknown');
  });

  it('agrees with ssh-keygen -F on wildcards and negation', () => {
    const file = join(dir, 'patterns');
    for (const [patterns, host] of [
      ['*.lab,!bad.lab', 'a.lab'],
      ['*.lab,!bad.lab', 'bad.lab'],
      ['!bad.lab,*.lab', 'bad.lab'],
      ['n?de', 'node'],
      ['n?de', 'noode'],
      ['*', 'anything'],
      ['!a', 'b'],
      ['a*b*c', 'axxbyyc'],
      ['a*b*c', 'axxbyy'],
    ] as const) {
      writeFileSync(file, `${patterns} ${key('a')}\n`);
      const found = (() => {
        try {
          return execFileSync('ssh-keygen', ['-F', host, '-f', file], { encoding: 'utf8' }).includes('ssh-ed25519');
        } catch {
          return false;
        }
      })();
      expect([patterns, host, check(readFileSync(file, 'utf8'), host, 22, 'a').kind === 'known']).toEqual([
        patterns,
        host,
        found,
      ]);
    }
  });

  it('refuses a revoked key, wherever else it stands', () => {
    expect(check(`web ${key('a')}\n@revoked * ${key('a')}\n`, 'web', 22, 'a')).toEqual({
      kind: 'revoked',
      where: 'kh:2',
    });
    expect(check(`web ${key('a')}\n@revoked other ${key('a')}\n`, 'web', 22, 'a').kind).toBe('known');
  });

  it('does not take the key of an authority for that of a host', () => {
    const verdict = check(`@cert-authority *.lab ${key('a')}\n`, 'x.lab', 22, 'a');
    expect(verdict).toMatchObject({ kind: 'unknown', authorities: [{ where: 'kh:1' }] });
    expect(check(`@cert-authority *.lab ${key('a')}\n`, 'x.other', 22, 'a')).toMatchObject({ authorities: [] });
  });

  it('skips what it cannot read', () => {
    const text = `@strange web ${key('a')}\nweb ssh-ed25519 AAAA\nweb\n|2|x|y ${key('a')}\nweb ssh-rsa ${key('a').split(' ')[1]}\n`;
    expect(check(text, 'web', 22, 'a').kind).toBe('unknown');
  });

  it('prints fingerprints as ssh-keygen does', () => {
    const said = execFileSync('ssh-keygen', ['-l', '-f', join(dir, 'a.pub')], { encoding: 'utf8' });
    expect(said.split(' ')[1]).toBe(fingerprint(blob('a')));
  });

  it('does not take long over a hostile pattern', () => {
    expect(matchesPatterns([`${'*a'.repeat(200)}b`], 'a'.repeat(20_000))).toBe(false);
  });
});

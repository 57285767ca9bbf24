import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVersions, highestTag, parseRange, parseVersion, satisfies } from './semver.ts';

const inRange = (version: string, range: string): boolean => {
  const [parsed, bounds] = [parseVersion(version), parseRange(range)];
  if (!parsed || !bounds) throw new Error(`${version} or ${range} cannot be read`);
  return satisfies(parsed, bounds);
};

describe('versions', () => {
  it.each([
    ['^1.2', ['1.2.0', '1.9.9'], ['1.1.9', '2.0.0', '2.0.0-rc.1', '1.5.0-rc.1']],
    ['^0.2.3', ['0.2.3', '0.2.9'], ['0.3.0', '0.2.2']],
    ['^0.0.3', ['0.0.3'], ['0.0.4']],
    ['^0', ['0.9.9'], ['1.0.0']],
    ['~1.4', ['1.4.0', '1.4.9'], ['1.5.0']],
    ['~1', ['1.9.0'], ['2.0.0']],
    ['~1.4.2', ['1.4.2'], ['1.4.1', '1.5.0']],
    ['>=1.0 <2', ['1.0.0', '1.99.0'], ['2.0.0', '2.0.0-0', '0.9.0']],
    ['>1.2', ['1.3.0', '2.0.0'], ['1.2.9']],
    ['<=1.2', ['1.2.9'], ['1.3.0']],
    ['1.x', ['1.0.0', '1.5.0'], ['2.0.0']],
    ['*', ['0.0.1', '9.0.0'], ['1.0.0-a']],
    ['1.0 - 2.0', ['1.0.0', '2.0.9'], ['2.1.0']],
    ['1.2.3', ['1.2.3'], ['1.2.4']],
    ['^1 || ^3', ['1.0.0', '3.1.0'], ['2.0.0']],
    ['>=1.0.0-rc.2', ['1.0.0-rc.2', '1.0.0-rc.10', '1.0.0', '2.0.0'], ['1.0.0-rc.1', '2.0.0-rc.1']],
  ])('%s', (range, inside, outside) => {
    for (const version of inside) expect(inRange(version, range), version).toBe(true);
    for (const version of outside) expect(inRange(version, range), version).toBe(false);
  });

  it('are ordered as semver.org says', () => {
    const ordered = [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
    ];
    const sorted = ordered.toReversed().map((text) => ({ text, version: parseVersion(text) }));
    sorted.sort((a, b) => (a.version && b.version ? compareVersions(a.version, b.version) : 0));
    expect(sorted.map(({ text }) => text)).toEqual(ordered);
  });

  it('refuse what is neither', () => {
    for (const text of ['1', '1.2', '01.2.3', '1.2.3-', 'x', '', 'v', '1.2.3.4'])
      expect(parseVersion(text), text).toBe(undefined);
    for (const text of ['', 'latest', '1.x.3', '>>1', '^', '||', '1 - 2 - 3'])
      expect(parseRange(text), text).toBe(undefined);
  });

  const version = fc
    .tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.constantFrom('', '-rc.1', '-rc.2', '-a'))
    .map(([a, b, c, pre]) => `${a}.${b}.${c}${pre}`);
  const sign = fc.constantFrom('^', '~', '>=', '<', '<=', '>', '=', '');

  it('the highest tag is in the range, none in the range is higher, and their order does not matter', () => {
    fc.assert(
      fc.property(fc.array(version), sign, version, (tags, op, bound) => {
        const range = parseRange(`${op}${bound}`);
        if (!range) throw new Error(`${op}${bound} is a range`);
        const found = highestTag(tags, range);
        expect(highestTag(tags.toReversed(), range)).toBe(found);
        const fitting = tags.filter((tag) => inRange(tag, `${op}${bound}`));
        expect(found === undefined ? [] : [found]).toEqual(fitting.filter((tag) => tag === found).slice(0, 1));
        expect(found === undefined).toBe(fitting.length === 0);
        const best = parseVersion(found ?? '');
        for (const tag of fitting) {
          const other = parseVersion(tag);
          if (best && other) expect(compareVersions(best, other)).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});

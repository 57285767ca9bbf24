import { describe, expect, it } from 'vitest';
import { refusedVersion } from './found-version.ts';

const SAID = 'sac: claude is not of version 1.0.x, as the manifest wants it, but 2.1.197';

describe('the version a refused start found', () => {
  it('is read at any width of its terminal', () => {
    for (let width = 1; width <= SAID.length; width += 1) {
      const lines = (SAID.match(new RegExp(`.{1,${width}}`, 'g')) ?? []).map((line) => line.trimEnd());
      expect(refusedVersion(['from preStart', ...lines, '']), `width ${width}`).toBe('2.1.197');
    }
  });
  it('is that of the last start', () => {
    expect(refusedVersion([SAID, SAID.replace('2.1.197', '2.2.0')])).toBe('2.2.0');
  });
  it('is unknown where the program told none, or something else was said', () => {
    expect(refusedVersion([SAID.replace('2.1.197', 'of none that it tells')])).toBeUndefined();
    expect(refusedVersion(['version 2.1.197'])).toBeUndefined();
    expect(refusedVersion([])).toBeUndefined();
  });
});

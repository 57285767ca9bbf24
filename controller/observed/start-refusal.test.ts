import { describe, expect, it } from 'vitest';
import { lastSaid, refusedVersion } from './start-refusal.ts';

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

describe('why a start failed', () => {
  const WHY = 'envFiles: /srv/keys of the team.env cannot be read; make it or take it out of spec.envFiles';
  it('is the last thing it said, at any width of its terminal', () => {
    const text = `sac: ${WHY}`;
    for (let width = 20; width <= text.length + 1; width += 1) {
      const rows = (text.match(new RegExp(`.{1,${width}}`, 'g')) ?? []).map((row) => row.trimEnd());
      const lines = ['from preStart', ...rows, '', '', 'Pane is dead (status 78)'];
      expect(lastSaid(lines, width), `width ${width}`).toBe(WHY);
    }
  });
  it('is not taken from what the agent printed, or printed more after', () => {
    expect(lastSaid(['an agent speaks', 'of nothing'], 80)).toBeUndefined();
    expect(lastSaid(['sac: a note', 'and the agent went on'], 80)).toBeUndefined();
    expect(lastSaid([], 80)).toBeUndefined();
  });
  it('tells no secrets, and is cut', () => {
    const key = `sk-ant-api03-${'a1B2'.repeat(10)}`;
    expect(lastSaid([`sac: preStart hook failed with code 1: login --key ${key}`], 400)).not.toContain(key);
    expect(lastSaid([`sac: ${'x '.repeat(400)}`], 2_000)?.length).toBe(300);
  });
});

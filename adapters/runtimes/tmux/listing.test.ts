import { describe, expect, it } from 'vitest';
import type { FleetId } from '../../../api/resources/names.ts';
import { LISTING, ownerOf, parsePane } from './listing.ts';

const FLEET = '0badcafe' as FleetId;
const line = (over: Partial<Record<string, string>> = {}): string => {
  const fields: Record<string, string> = {
    id: '0badcafe.web',
    incarnation: '1700000000123',
    hash: 'abc',
    agentPane: '%3',
    session: 'web',
    pane: '%3',
    pid: '77',
    dead: '0',
    status: '',
    signal: '',
    deadTime: '',
    created: '1700000001',
    submitted: '0',
    ...over,
  };
  return Object.values(fields).join('\t');
};
const see = (over?: Partial<Record<string, string>>) => parsePane(line(over), FLEET);

describe('parsePane', () => {
  it('reads a living agent', () => {
    expect(LISTING.split('\t').length).toBe(line().split('\t').length);
    expect(see()).toEqual({
      paneId: '%3',
      tagsAreOptions: false,
      undecided: false,
      sighting: {
        id: '0badcafe.web',
        incarnation: 1_700_000_000_123,
        launchHash: 'abc',
        state: 'running',
        session: 'web',
        pid: 77,
        startedAt: 1_700_000_001_000,
      },
    });
  });

  it('knows the agent of an earlier version, and no pane that stands beside an agent', () => {
    expect(see({ agentPane: '1' })).toMatchObject({ paneId: '%3', tagsAreOptions: true });
    for (const agentPane of ['', '%4', '%33']) expect(see({ agentPane })).toBeUndefined();
  });

  it('takes the incarnation for the start of a respawned pane: its session is older', () => {
    expect(see({ created: '1600000000' })?.sighting.startedAt).toBe(1_700_000_000_123);
  });

  it.each([
    [{ status: '3' }, { code: 3, at: 1_700_000_009_000 }],
    [{ status: '0' }, { code: 0, at: 1_700_000_009_000 }],
    [{ signal: '9' }, { signal: 'SIGKILL', at: 1_700_000_009_000 }],
    [{ signal: '15', deadTime: '' }, { signal: 'SIGTERM' }],
    [{ signal: '40' }, { signal: 'SIG40', at: 1_700_000_009_000 }],
  ])('tells how an agent ended: %j', (over, exit) => {
    const pane = see({ dead: '1', deadTime: '1700000009', ...over });
    expect(pane?.sighting).toMatchObject({ state: 'exited', exit });
    expect(pane?.sighting).not.toHaveProperty('pid');
    expect(pane?.undecided).toBe(false);
  });

  it('does not report an exit before it is known', () => {
    expect(see({ dead: '1' })).toMatchObject({ undecided: true, sighting: { state: 'running', pid: 77 } });
  });

  it.each([
    ['no tag', { id: '' }],
    ['another fleet', { id: '0badcaff.web' }],
    ['a fleet that begins alike', { id: '0badcafe1.web' }],
    ['a copied tag', { session: 'web2' }],
    ['a pane beside the agent', { agentPane: '' }],
    ['half a tag', { hash: '' }],
    ['a broken incarnation', { incarnation: 'x' }],
  ])('takes nothing with %s for an agent', (_, over) => {
    expect(see(over)).toBeUndefined();
  });

  it('takes nothing that is not a listing for an agent', () => {
    for (const text of ['', '\t', 'error: x', line().replaceAll('\t', ' ')])
      expect(parsePane(text, FLEET)).toBeUndefined();
  });

  it('tells the owner of a session by any of its panes', () => {
    expect(ownerOf(line({ agentPane: '' }))).toBe('0badcafe.web');
    expect(ownerOf(line({ id: '' }))).toBe('');
    expect(ownerOf('')).toBe('');
  });
});

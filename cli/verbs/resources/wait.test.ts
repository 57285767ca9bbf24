import { describe, expect, it } from 'vitest';
import type { Client } from '../../../api/client.ts';
import { EXIT } from '../../../api/resources/errors.ts';
import { fakeContext } from '../../fake-context.ts';
import { run } from './wait.ts';

const source = (status: string, generation = 1) => ({
  kind: 'GitSource',
  metadata: { name: 'fleet', generation },
  status: { observedGeneration: 1, conditions: [{ type: 'Ready', status, reason: 'R', message: 'Not fetched yet.' }] },
});
/** The source as it is, then as the watch tells it. */
function client(first: string, ...later: readonly string[]): Partial<Client> {
  return {
    list: async (plural) => {
      expect(plural).toBe('gitsources');
      return { kind: 'List', metadata: { resourceVersion: 3 }, items: [source(first)] } as never;
    },
    watch: async function* (plural) {
      expect(plural).toBe('gitsources');
      for (const status of later) yield { type: 'MODIFIED', object: source(status) } as never;
    },
  };
}

describe('sac wait for other kinds than agents', () => {
  it.each([[['source/fleet']], [['gitsource', 'fleet']], [['sources', 'fleet']]])('%s', async (args) => {
    const context = fakeContext({ client: client('False', 'Unknown', 'True') });
    expect(await run(args, { for: ['condition=Ready'] }, context)).toBe(EXIT.done);
    expect(context.out.text).toBe('gitsource/fleet condition met\n');
    expect(context.err.text).toContain('gitsource/fleet: Not fetched yet.');
  });

  it('not by what was found before the spec changed', async () => {
    const list = async () => ({ metadata: { resourceVersion: 3 }, items: [source('True', 2)] }) as never;
    const changed = fakeContext({ client: { ...client('True'), list } });
    expect(await run(['source/fleet'], { for: ['condition=Ready'], timeout: '0' }, changed)).toBe(EXIT.timedOut);
  });

  it('by jsonpath, with --all, and says what was not reached', async () => {
    const path = "jsonpath='{.status.conditions[0].status}'=True";
    const reached = fakeContext({ client: client('True') });
    expect(await run(['sources'], { for: [path], all: true }, reached)).toBe(EXIT.done);
    const never = fakeContext({ client: client('False') });
    expect(await run(['source/fleet'], { for: ['condition=Ready'], timeout: '0' }, never)).toBe(EXIT.timedOut);
    expect(never.err.text).toContain(
      'gitsource/fleet: not Ready=True now; `sac describe gitsource fleet` says how it is',
    );
    const none = fakeContext({ client: client('False') });
    expect(await run(['source/other'], { for: ['condition=Ready'] }, none)).toBe(EXIT.notFound);
    expect(none.err.text).toContain('gitsource "other" not found; `sac get gitsources`');
  });

  it.each([
    [['source/fleet'], 'condition=Synct', 'did you mean "Synced"?'],
    [['source/fleet'], 'condition=Blocked', 'there is no condition "Blocked"; known: Ready, Fetched'],
    [['web'], 'condition=Synced', 'there is no condition "Synced"'],
    [['source/fleet', 'agent/web'], 'condition=Ready', 'one kind at a time'],
    [['events/x'], 'create', 'events cannot be waited for'],
    [['sources'], 'condition=Ready', 'name the gitsources: `sac wait gitsource/NAME...`'],
  ])('%s --for=%s: %s', async (args, goal, told) => {
    await expect(run(args, { for: [goal] }, fakeContext({ client: {} }))).rejects.toThrow(told);
  });
});

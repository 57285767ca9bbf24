import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlannedFile, shown, type WorkspacePlan } from '../plan/workspace/workspace-plan.ts';
import { type PlaceLook, parseLook, type Remembered, renderMemory } from './place-look.ts';
import { planSync } from './sync-plan.ts';

const hash = (content: string) => content.padEnd(64, '0');
const file = (name: string, content: string): PlannedFile => ({
  root: name.startsWith('~/') ? 'home' : 'workspace',
  path: name.replace('~/', ''),
  mode: 0o644,
  sha256: hash(content),
  text: content,
});

/** A place: what stands there, and what was deployed last. */
class Place {
  readonly there = new Map<string, string>();
  readonly kept: string[] = [];
  memory: ReadonlyMap<string, Remembered> = new Map();

  look(): PlaceLook {
    const hashes = new Map([...this.there].map(([name, content]) => [name, hash(content)]));
    return { home: '/h', hashes, blocked: new Map(), missing: [], remembered: this.memory };
  }

  sync(files: readonly PlannedFile[], drift: WorkspacePlan['drift'] = 'mend') {
    const steps = planSync({ key: '', cwd: '/w', files, leftOut: [], skills: [], drift }, this.look());
    for (const name of steps.keep) this.kept.push(this.there.get(name) ?? '');
    for (const name of steps.remove) this.there.delete(name);
    for (const one of steps.put) this.there.set(shown(one), one.text ?? '');
    this.memory = steps.remember;
    return steps;
  }
}

describe('planSync', () => {
  it('writes what is new, and nothing the second time', () => {
    const place = new Place();
    expect(place.sync([file('a', 'x'), file('~/b', 'y')]).put).toHaveLength(2);
    const again = place.sync([file('a', 'x'), file('~/b', 'y')]);
    expect([again.put, again.keep, again.remove, again.mended]).toEqual([[], [], [], []]);
  });

  it('replaces what it deployed, keeps what somebody else wrote', () => {
    const place = new Place();
    place.there.set('a', 'foreign');
    expect(place.sync([file('a', 'x')]).keep).toEqual(['a']);
    expect(place.sync([file('a', 'y')]).keep).toEqual([]);
    place.there.set('a', 'edited');
    expect(place.sync([file('a', 'y')])).toMatchObject({ keep: ['a'], mended: ['a'] });
    place.there.delete('a');
    expect(place.sync([file('a', 'y')])).toMatchObject({ keep: [], mended: ['a'] });
  });

  it('only tells of drift when that is the policy, until the source changes', () => {
    const place = new Place();
    place.sync([file('a', 'x')]);
    place.there.set('a', 'edited');
    expect(place.sync([file('a', 'x')], 'report')).toMatchObject({ put: [], drifted: ['a'] });
    expect(place.sync([file('a', 'y')], 'report')).toMatchObject({ keep: ['a'], drifted: [] });
    expect(place.there.get('a')).toBe('y');
  });

  it('whatever happens, content of others is there or kept, and a sync ends as declared', () => {
    const names = fc.constantFrom('a', 'b', '~/a');
    const action = fc.oneof(
      fc.record({ do: fc.constant('edit' as const), name: names, content: fc.constantFrom('p', 'q', 'x') }),
      fc.record({ do: fc.constant('lose' as const) }),
      fc.record({
        do: fc.constant('sync' as const),
        files: fc.uniqueArray(fc.record({ name: names, content: fc.constantFrom('x', 'y', 'z') }), {
          selector: ({ name }) => name,
        }),
      }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 12 }), (actions) => {
        const place = new Place();
        const edits = new Map<string, string>();
        for (const one of actions) {
          if (one.do === 'lose') place.memory = new Map();
          else if (one.do === 'edit') {
            place.there.set(one.name, one.content);
            edits.set(one.name, one.content);
          } else {
            const files = one.files.map(({ name, content }) => file(name, content));
            place.sync(files);
            for (const { name, content } of one.files) expect(place.there.get(name)).toBe(content);
            const all = [...place.there.values(), ...place.kept, ...one.files.map(({ content }) => content)];
            // 'x' can be what was deployed too, and then it is ours to remove.
            for (const content of edits.values()) if (content !== 'x') expect(all).toContain(content);
          }
        }
      }),
    );
  });
});

describe('parseLook', () => {
  it('reads what the script prints, and takes nothing from a memory that leads out', () => {
    const memory = renderMemory(
      new Map([
        ['a b', { sha256: hash('a'), mode: 0o600 }],
        ['../x', { sha256: hash('b'), mode: 0o600 }],
        ['~/../y', { sha256: hash('b'), mode: 0o600 }],
      ]),
    );
    const look = parseLook(
      `workspace\n${hash('a')}  ./a b\nL c/d\nhome /h\n${hash('b')}  ./.x\nD e\nmissing ~/s/SKILL.md\nremembered\n${memory}`,
    );
    expect([...look.hashes]).toEqual([
      ['a b', hash('a')],
      ['~/.x', hash('b')],
    ]);
    expect([...look.blocked.keys()]).toEqual(['c/d', '~/e']);
    expect([look.home, look.missing, [...look.remembered.keys()]]).toEqual(['/h', ['~/s/SKILL.md'], ['a b']]);
    expect(parseLook('workspace\nhome /h\nremembered\nbroken').remembered.size).toBe(0);
  });
});

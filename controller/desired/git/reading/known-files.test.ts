import { expect, it } from 'vitest';
import { KnownFiles, readCommit } from './manifests.ts';

const file = (path: string, id: string, name: string) => ({
  path,
  id,
  bytes: Buffer.from(`apiVersion: sac/v1\nkind: Agent\nmetadata: {name: ${name}}\nspec: {command: [x]}\n`),
});

it('reads again only what changed; a file that moved, or broke, is another', async () => {
  const known = new KnownFiles();
  const first = await readCommit([file('a.yaml', '1', 'a'), file('b.yaml', '2', 'b')], { known });
  const next = await readCommit([file('a.yaml', '1', 'a'), file('b.yaml', '3', 'c')], { known });
  expect(next.documents[0]).toBe(first.documents[0]);
  expect(next.documents.map(({ name }) => name)).toEqual(['a', 'c']);
  const moved = await readCommit([file('z.yaml', '1', 'a')], { known });
  expect(moved.documents[0]?.origin).toContain('z.yaml');
  const back = await readCommit([file('a.yaml', '1', 'a')], { known });
  expect(back.documents).toEqual([first.documents[0]]);
  const broken = { path: 'a.yaml', id: '9', bytes: Buffer.from('kind: [') };
  for (let turn = 0; turn < 2; turn++)
    expect((await readCommit([broken], { known })).problems.length).toBeGreaterThan(0);
});

it('tells how many are not known', async () => {
  const known = new KnownFiles();
  const [a, b] = [file('a.yaml', '1', 'a'), file('b.yaml', '2', 'b')];
  expect(known.unknownOf([a, b])).toBe(2);
  await readCommit([a], { known });
  expect(known.unknownOf([a, b])).toBe(1);
  expect(known.unknownOf([{ ...a, id: '3' }])).toBe(1);
});

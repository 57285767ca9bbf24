import { expect, it } from 'vitest';
import { choose } from '../repository/tree.ts';
import { itemsOf, readCommit } from './manifests.ts';

const SPEC = 'apiVersion: sac/v1\nkind: Agent\nspec: {profile: exec, command: [sleep, "1"]}\n';
const bytes = (text: string) => new TextEncoder().encode(text);
const entry = (path: string, mode = '100644') => ({ mode, id: path, size: 3, path });

it('takes what lies beside a manifest that its folder names, and nothing else', () => {
  const chosen = choose(
    [
      entry('web/spec.yaml'),
      entry('web/src_CLAUDE.md'),
      entry('web/to_home/.config/x', '100755'),
      entry('web/to_home/link', '120000'),
      entry('web/notes.md'),
      entry('lib/src_main.py'),
    ],
    { fileBytes: 100 },
  );
  expect(
    chosen.map((one) => ('refused' in one ? `${one.path} refused` : `${one.path} ${one.mode?.toString(8)}`)),
  ).toEqual([
    'web/spec.yaml undefined',
    'web/src_CLAUDE.md 644',
    'web/to_home/.config/x 755',
    'web/to_home/link refused',
  ]);
});

it('gives each agent its files; an agent without any has none; a name that leads out refuses the commit', async () => {
  const files = [
    { path: 'web/spec.yaml', bytes: bytes(SPEC) },
    { path: 'web/src_CLAUDE.md', bytes: bytes('hello'), mode: 0o644 },
    { path: 'db/spec.yaml', bytes: bytes(SPEC) },
  ];
  const found = await readCommit(files);
  expect(found.problems).toEqual([]);
  expect(itemsOf(found, {}).map(({ files: own }) => own)).toEqual([
    [{ name: 'src_CLAUDE.md', mode: 0o644, content: Buffer.from('hello').toString('base64') }],
    [],
  ]);
  const bad = await readCommit([...files, { path: 'db/src_.sac', bytes: bytes('x'), mode: 0o644 }]);
  expect(bad.problems.map(({ text }) => text)[0]).toContain("is in .sac, which is sac's own folder");
});

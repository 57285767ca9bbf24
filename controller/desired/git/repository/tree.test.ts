import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choose, normalPath, parseBatch, parseListing } from './tree.ts';

const limits = { fileBytes: 100 };
const entry = (path: string, mode = '100644', size = 10) => ({ path, mode, size, id: 'a'.repeat(40) });

describe('a listing', () => {
  it('is read entry by entry, whatever the names hold', () => {
    const name = fc.string({ unit: fc.constantFrom('a', ' ', '\n', '"', '\t', 'ü', '/', '.'), minLength: 1 });
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.nat(1000))), (entries) => {
        const listing = entries
          .map(([path, size]) => `100644 blob ${'b'.repeat(40)} ${String(size).padStart(7)}\t${path}\0`)
          .join('');
        expect(parseListing(Buffer.from(listing))).toEqual(
          entries.map(([path, size]) => ({ mode: '100644', id: 'b'.repeat(40), size, path })),
        );
      }),
    );
  });

  it('is chosen from: manifests, and what would be one but must not', () => {
    const chosen = choose(
      [
        entry('a.yaml'),
        entry('b/spec.yml'),
        entry('c.json', '100755'),
        entry('README.md'),
        entry('src_x.yaml'),
        entry('.github/x.yaml'),
        entry('_old/x.yaml'),
        entry('big.yaml', '100644', 101),
        entry('../x.yaml'),
        entry('a/.git/x.yaml'),
        entry('link.yaml', '120000'),
        entry('folder', '120000'),
        entry('picture.png', '120000'),
        entry('module', '160000'),
      ],
      limits,
    );
    expect(chosen.map((one) => ('refused' in one ? `!${one.path}` : one.path))).toEqual([
      'a.yaml',
      'b/spec.yml',
      'c.json',
      '!big.yaml',
      '!../x.yaml',
      '!a/.git/x.yaml',
      '!link.yaml',
      '!folder',
    ]);
  });

  it('never gives a path that leaves the tree', () => {
    const part = fc.constantFrom('..', '.', '', '.git', '.GIT', 'a', 'x.yaml');
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        for (const one of choose([entry(parts.join('/'))], limits))
          if (!('refused' in one)) expect(parts.every((each) => each === 'a' || each === 'x.yaml')).toBe(true);
      }),
    );
  });
});

describe('a batch of objects', () => {
  it('is cut at the sizes it tells, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }), (blobs) => {
        const id = (at: number) => at.toString(16).padStart(40, '0');
        const batch = Buffer.concat(
          blobs.flatMap((bytes, at) => [
            Buffer.from(`${id(at)} blob ${bytes.length}\n`),
            bytes,
            Buffer.from('\n'),
            Buffer.from(`${'f'.repeat(40)} missing\n`),
          ]),
        );
        const found = parseBatch(batch);
        expect(found.size).toBe(blobs.length);
        for (const [at, bytes] of blobs.entries())
          expect(Buffer.from(found.get(id(at)) ?? [])).toEqual(Buffer.from(bytes));
      }),
    );
  });
});

it('paths are written in one way', () => {
  expect(['.', './', 'a/', './a//b/.', ''].map(normalPath)).toEqual(['', '', 'a', 'a/b', '']);
});

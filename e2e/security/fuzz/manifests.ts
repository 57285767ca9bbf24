/** Owns: fuzzing of the manifest reader. Never: reads files. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readManifests } from '../../../api/manifests/read.ts';
import { type Fuzzed, text } from './texts.ts';

const scalar = fc.oneof(
  text,
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constantFrom(null, 'sac/v1', 'Agent', '*a', '&a x', '!!js/x', '<<'),
);
const fields = fc.constantFrom(
  'apiVersion',
  'kind',
  'metadata',
  'name',
  'labels',
  'spec',
  'command',
  'env',
  'place',
  'hooks',
  'session',
  '__proto__',
  'constructor',
  '<<',
  '',
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fields, text), tie('tree'), { maxKeys: 5 }),
  ),
}));
const pieces = fc.constantFrom(
  'apiVersion: sac/v1\n',
  'kind: Agent\n',
  'metadata: {name: x}\n',
  'spec:\n',
  '  command: [a]\n',
  '---\n',
  '...\n',
  '- ',
  '? ',
  ': ',
  '&a ',
  '*a ',
  '!!',
  '|',
  '>-\n',
  '"',
  "'",
  '[',
  ']',
  '{',
  '}',
  ',',
  '#',
  '%YAML 1.1\n',
  '\t',
  '\n',
  '<<: ',
  '\ufeff',
  '@',
  '`',
);
const source = fc.oneof(
  tree.map((value) => JSON.stringify(value) ?? ''),
  fc.array(fc.oneof(pieces, text), { maxLength: 40 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 400 }),
);

export const manifests: readonly Fuzzed[] = [
  {
    what: 'answers any text with documents or located problems, and leaves the world alone',
    share: 1,
    property: fc.property(source, fc.boolean(), (written, inFolder) => {
      const { documents, problems } = readManifests(written, 'f.yaml', inFolder ? { folderName: 'x' } : {});
      assert(documents.length + problems.length > 0);
      for (const { text: said, line, column } of problems) {
        assert.match(said, /^f\.yaml:\d+:\d+/);
        assert(line > 0 && column > 0, said);
        // Problems are short, whatever they are about.
        assert(said.length < 5_000, said);
      }
      for (const { manifest, name } of documents) {
        assert.match(name, /^[a-z0-9-]{1,63}$/);
        // What was read reads the same when it is written down.
        assert.deepEqual(readManifests(JSON.stringify(manifest), 'f.yaml').documents[0]?.manifest, manifest);
      }
      assert.deepEqual(Object.keys(Object.prototype), []);
    }),
  },
];

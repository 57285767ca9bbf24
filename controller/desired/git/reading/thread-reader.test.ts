import { expect, it } from 'vitest';
import { readCommit } from './manifests.ts';
import { type FileRead, READ_HERE, type TextFile } from './reader.ts';
import { ThreadReader } from './thread-reader.ts';

const TIMERS = { now: () => 0, after: () => () => undefined };
/** Says each path back; ends when it is given the path `die`. */
const ECHO = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ id, files }) => {
      if (files.some(({ path }) => path === 'die')) throw new Error('too much');
      parentPort.postMessage({ id, reads: files.map(({ path }) => ({ folderName: path, read: { documents: [], objects: [], problems: [] } })) });
    });`)}`,
);
const named = (reads: readonly FileRead[]) => reads.map(({ folderName }) => folderName);
const empty = (path: string): TextFile => ({ path, text: '' });

it('answers each what it asked; a thread that ends refuses what it had, and the next one is another', async () => {
  await using reader = new ThreadReader(ECHO, TIMERS);
  const [a, b] = await Promise.all([reader.read([empty('a')]), reader.read([empty('b'), empty('c')])]);
  expect([named(a), named(b)]).toEqual([['a'], ['b', 'c']]);
  await expect(reader.read([empty('die')])).rejects.toMatchObject({
    kind: 'Refused',
    message: expect.stringContaining('too much'),
  });
  expect(named(await reader.read([empty('d')]))).toEqual(['d']);
});

it('many files are read elsewhere, with the same outcome as here; few are read here', async () => {
  const asked: number[] = [];
  const far = {
    async read(files: readonly TextFile[]) {
      asked.push(files.length);
      return structuredClone(await READ_HERE.read(files));
    },
  };
  const files = (count: number) =>
    Array.from({ length: count }, (_, i) => {
      const text = i === 7 ? 'kind: [' : `apiVersion: sac/v1\nkind: Agent\nspec: {command: [x], env: {A: "${i}"}}\n`;
      return { path: `a${i}/spec.yaml`, id: `${i}`, bytes: Buffer.from(text) };
    });
  expect(await readCommit(files(120), { far })).toEqual(await readCommit(files(120)));
  expect(asked).toEqual([50, 50, 20]);
  await readCommit(files(20), { far });
  expect(asked).toHaveLength(3);
});

import { build } from 'esbuild';
import { expect, it } from 'vitest';

/** Every `sac` command pays for what is loaded at its start. */
it.each(['cli/main.ts', 'cli/verbs/resources/get.ts'])('%s loads no schema library', async (entry) => {
  const { metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    outdir: 'unwritten',
    write: false,
    metafile: true,
    external: ['better-sqlite3', 'ssh2'],
    logLevel: 'silent',
  });
  const loaded = new Set([entry]);
  for (const file of loaded)
    for (const { path, kind } of metafile.inputs[file]?.imports ?? [])
      if (kind === 'import-statement') loaded.add(path);
  expect(loaded.size).toBeGreaterThan(5);
  expect([...loaded].filter((file) => file.includes('/zod/'))).toEqual([]);
});

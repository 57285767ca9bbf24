// Bundles the two programs: the CLI (dist/sac.js), of which what few runs need is loaded lazily, as chunks, and the controller (dist/controller.js).
import { createHash } from 'node:crypto';
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundleController, MODULE } from './bundle.mjs';

const { version } = JSON.parse(await readFile(new URL('package.json', import.meta.url), 'utf8'));
// What the code says, not what it calls itself: two builds of one version may differ.
const content = createHash('sha256');
for (const folder of ['adapters', 'api', 'cli', 'controller']) {
  const names = await readdir(new URL(folder, import.meta.url), { recursive: true });
  for (const name of names.filter((one) => one.endsWith('.ts') && !one.endsWith('.test.ts')).sort())
    content.update(`${folder}/${name}\0`).update(await readFile(new URL(`${folder}/${name}`, import.meta.url)));
}
content.update(await readFile(new URL('package-lock.json', import.meta.url)));
const buildId = content.digest('hex').slice(0, 12);
const shared = {
  ...MODULE,
  outdir: 'dist',
  sourcemap: 'linked',
  define: { SAC_VERSION: JSON.stringify(version), SAC_BUILD: JSON.stringify(buildId) },
};
/** What a small module of ours exports. */
const exportsOf = async (entry) => {
  const { outputFiles } = await build({ ...shared, entryPoints: [entry], write: false, sourcemap: false, banner: {} });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
};

// The program behind hooks is shell, and stands at the head of the CLI, see spooler.ts.
const { SPOOLER_LINE } = await exportsOf('adapters/profiles/hooks/spooler.ts');
const { CONTROLLER_NODE_FLAGS } = await exportsOf('cli/client/node-flags.ts');
// dist/sac.js is both: sh runs the second line, which spools a hook's event or hands over to node; to node it is a comment.
const polyglot = `#!/bin/sh\n':' //; ${SPOOLER_LINE}; exec node "$0" "$@"`;

await rm('dist', { recursive: true, force: true });
await build({
  ...shared,
  entryPoints: { sac: 'cli/main.ts' },
  splitting: true,
  chunkNames: 'cli/[name]-[hash]',
});
await build({
  ...shared,
  entryPoints: { 'controller/reading-thread': 'controller/desired/git/reading/reading-thread.ts' },
});
const { sourcemap, define } = shared;
await bundleController(fileURLToPath(new URL('dist/controller', import.meta.url)), CONTROLLER_NODE_FLAGS, {
  sourcemap,
  define,
});
await writeFile('dist/sac.js', `${polyglot}\n${await readFile('dist/sac.js', 'utf8')}`);
// Two lines more, also in the map.
const map = JSON.parse(await readFile('dist/sac.js.map', 'utf8'));
await writeFile('dist/sac.js.map', JSON.stringify({ ...map, mappings: `;;${map.mappings}` }));
await chmod('dist/sac.js', 0o755);

// Bundles the two programs: the CLI (dist/sac.js) and the controller (dist/controller.js); what few runs need is loaded lazily, as chunks.
import { createHash } from 'node:crypto';
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

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
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  outdir: 'dist',
  sourcemap: 'linked',
  minifySyntax: true,
  // A tenth of the time to start goes into reading the text. Lines stay short: node prints the one an error came from.
  minifyWhitespace: true,
  lineLimit: 120,
  define: { SAC_VERSION: JSON.stringify(version), SAC_BUILD: JSON.stringify(buildId) },
  external: ['better-sqlite3', 'ssh2'],
  logLevel: 'warning',
};
// CommonJS dependencies inside an ES module still want `require`.
const banner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

// The program behind hooks is shell, and stands at the head of the CLI, see spooler.ts.
const spooler = await build({
  ...shared,
  entryPoints: ['adapters/profiles/hooks/spooler.ts'],
  write: false,
  sourcemap: false,
});
const { SPOOLER_LINE } = await import(`data:text/javascript,${encodeURIComponent(spooler.outputFiles[0].text)}`);
// dist/sac.js is both: sh runs the second line, which spools a hook's event or hands over to node; to node it is a comment.
const polyglot = `#!/bin/sh\n':' //; ${SPOOLER_LINE}; exec node "$0" "$@"`;

await rm('dist', { recursive: true, force: true });
await build({
  ...shared,
  entryPoints: { sac: 'cli/main.ts' },
  splitting: true,
  chunkNames: 'cli/[name]-[hash]',
  banner: { js: banner },
});
await build({
  ...shared,
  entryPoints: {
    controller: 'controller/main.ts',
    'controller/reading-thread': 'controller/desired/git/reading/reading-thread.ts',
  },
  splitting: true,
  chunkNames: 'controller/[name]-[hash]',
  banner: { js: banner },
});
await writeFile('dist/sac.js', `${polyglot}\n${await readFile('dist/sac.js', 'utf8')}`);
// Two lines more, also in the map.
const map = JSON.parse(await readFile('dist/sac.js.map', 'utf8'));
await writeFile('dist/sac.js.map', JSON.stringify({ ...map, mappings: `;;${map.mappings}` }));
await chmod('dist/sac.js', 0o755);

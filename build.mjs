// Bundles the two programs: the CLI (dist/sac.js, verbs loaded lazily as chunks) and the controller (dist/controller.js).
import { chmod, readFile, rm } from 'node:fs/promises';
import { build } from 'esbuild';

const { version } = JSON.parse(await readFile(new URL('package.json', import.meta.url), 'utf8'));
const shared = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  outdir: 'dist',
  sourcemap: 'linked',
  minifySyntax: true,
  define: { SAC_VERSION: JSON.stringify(version) },
  external: ['better-sqlite3'],
  logLevel: 'warning',
};
// CommonJS dependencies inside an ES module still want `require`.
const banner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

await rm('dist', { recursive: true, force: true });
await build({
  ...shared,
  entryPoints: { sac: 'cli/main.ts' },
  splitting: true,
  chunkNames: 'cli/[name]-[hash]',
  banner: { js: `#!/usr/bin/env node\n${banner}` },
});
await build({ ...shared, entryPoints: { controller: 'controller/main.ts' }, banner: { js: banner } });
await chmod('dist/sac.js', 0o755);

/**
 * Owns: the controller program for fault tests: controller/main.ts as it is, but with the registry of runtimes beside this file.
 * Never: touches what is shipped; production code holds no switch for it.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '..', '..', '..');
const REGISTRY = join(ROOT, 'adapters', 'registry.ts');

/** Returns the path of the program, which goes when this process does. */
export async function bundleFaultyController(): Promise<string> {
  const folder = join(ROOT, 'dist');
  mkdirSync(folder, { recursive: true });
  const out = join(folder, `e2e-controller-${process.pid}.js`);
  process.once('exit', () => rmSync(out, { force: true }));
  let replaced = 0;
  await build({
    entryPoints: [join(ROOT, 'controller', 'main.ts')],
    outfile: out,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
    define: { SAC_VERSION: '"0.0.0-e2e"' },
    external: ['better-sqlite3', 'ssh2'],
    logLevel: 'warning',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    plugins: [
      {
        name: 'faulty registry',
        setup({ onResolve }) {
          onResolve({ filter: /\/registry\.ts$/ }, ({ path, resolveDir, importer }) => {
            if (resolve(resolveDir, path) !== REGISTRY || !importer.endsWith('/controller/main.ts')) return undefined;
            replaced++;
            return { path: join(import.meta.dirname, 'faulty-registry.ts') };
          });
        },
      },
    ],
  });
  if (replaced !== 1) throw new Error(`controller/main.ts names the registry of runtimes ${replaced} times, not once`);
  return out;
}

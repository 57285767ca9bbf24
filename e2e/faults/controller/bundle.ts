/**
 * Owns: the controller program for fault tests: controller/main.ts as it is, but with the registry of runtimes beside this file.
 * Never: touches what is shipped; production code holds no switch for it.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundleController } from '../../../bundle.mjs';
import { CONTROLLER_NODE_FLAGS } from '../../../cli/client/node-flags.ts';

const ROOT = resolve(import.meta.dirname, '..', '..', '..');
const REGISTRY = join(ROOT, 'adapters', 'registry.ts');

/** Returns the path of the program, which goes when this process does. */
export async function bundleFaultyController(): Promise<string> {
  const folder = join(ROOT, 'dist');
  mkdirSync(folder, { recursive: true });
  const out = join(folder, `e2e-controller-${process.pid}`);
  process.once('exit', () => {
    for (const ending of ['.js', '.program.cjs', '.program.cache']) rmSync(out + ending, { force: true });
  });
  let replaced = 0;
  await bundleController(out, CONTROLLER_NODE_FLAGS, {
    define: { SAC_VERSION: '"0.0.0-e2e"' },
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
  return `${out}.js`;
}

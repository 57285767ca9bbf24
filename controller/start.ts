/**
 * Owns: starting the bundled controller from what V8 compiled of it when it was built: to read two megabytes of text is a
 * third of what a start costs, and any command may be the one that starts the controller.
 * Never: needs that. Without the compiled code, or with another node's or other flags', V8 compiles the text as ever.
 *
 *   node FLAGS controller.js ...         runs controller.program.cjs, which lies beside it
 *   node FLAGS controller.js --compile   writes controller.program.cache, good for this node with these FLAGS
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Script } from 'node:vm';

const COMPILE = '--compile';
const self = fileURLToPath(import.meta.url);
const filename = self.replace(/\.js$/, '.program.cjs');
const cache = self.replace(/\.js$/, '.program.cache');
const compiling = process.argv[2] === COMPILE;

// What is bundled is ASCII only (bundle.mjs): this is faster than to decode UTF-8, and V8 keeps it as it is.
const source = readFileSync(filename, 'latin1');
const cachedData = compiling ? undefined : readIfAny(cache);
const script = new Script(source, { filename, ...(cachedData && { cachedData }) });
if (compiling) {
  // What a run compiles that ends at once is what every run needs; its umask is for its home alone.
  process.argv[2] = '--help';
  process.once('exit', () => {
    writeFileSync(cache, script.createCachedData());
    chmodSync(cache, 0o644);
  });
}
// The program is one function, see build.mjs.
script.runInThisContext()(createRequire(filename), pathToFileURL(filename).href, dirname(filename));

function readIfAny(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

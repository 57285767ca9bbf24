/**
 * Owns: how our programs are bundled; the controller so that V8's compiled code of it can lie beside it.
 * Never: decides what is in them.
 */
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

const COMMON = {
  absWorkingDir: import.meta.dirname,
  bundle: true,
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  // A tenth of the time to start goes into reading the text. Lines stay short: node prints the one an error came from.
  minifyWhitespace: true,
  lineLimit: 120,
  external: ['better-sqlite3', 'ssh2'],
  logLevel: 'warning',
};
/** An ES module. Its CommonJS dependencies still want `require`. */
export const MODULE = {
  ...COMMON,
  format: 'esm',
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
};
/** One function, which controller/start.ts calls: V8 keeps the compiled code of scripts, not of modules. */
const PROGRAM = {
  ...COMMON,
  format: 'cjs',
  banner: { js: '(function (require, __url, __folder) { const exports = {}, module = { exports };' },
  footer: { js: '})' },
  // What is imported lazily is in the one script too, and run when it is asked for.
  supported: { 'dynamic-import': false },
};

/**
 * Writes OUT.js (OUT is an absolute path), which starts OUT.program.cjs, and OUT.program.cache, the compiled code for a node with these flags.
 * `options` are esbuild's, for the program.
 */
export async function bundleController(out, nodeFlags, { define, ...options } = {}) {
  await build({ ...MODULE, entryPoints: ['controller/start.ts'], outfile: `${out}.js` });
  await build({
    ...PROGRAM,
    entryPoints: ['controller/main.ts'],
    outfile: `${out}.program.cjs`,
    define: { ...define, 'import.meta.url': '__url', 'import.meta.dirname': '__folder' },
    ...options,
  });
  await toAscii(`${out}.program.cjs`);
  const { status, stderr } = spawnSync(process.execPath, [...nodeFlags, `${out}.js`, '--compile'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${out}.js could not be compiled ahead: ${stderr}`);
}

/** The bundler writes ASCII but for regular expressions, and controller/start.ts reads Latin-1. */
async function toAscii(file) {
  const text = await readFile(file, 'utf8');
  const wrong = /.{0,30}(?<!\\)(?:\\\\)*\\[^\0-\x7f].{0,30}/.exec(text);
  if (wrong) throw new Error(`${file}: a backslash before a sign that is not ASCII: ${wrong[0]}`);
  const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  await writeFile(file, text.replaceAll(/[^\0-\x7f]/g, escaped));
}

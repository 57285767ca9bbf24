/** Lints that close whole classes of holes: what may never be written in this tree again, with the few places that may, and why. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..', '..');
/** Everything that ships, and what proves and measures it. Tests and the harness may start what they test. */
const ROOMS = ['api', 'controller', 'adapters', 'cli', 'sim'];

/** `file: reason`. A file that no longer needs its line fails too. */
const MAY: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'starts processes': {
    'cli/client/connection.ts':
      'starts the controller, which has no transport yet: argv of constants and flags, no shell',
    'cli/client/terminal-session.ts': "hands the user's own terminal to a program: argv, no shell",
    'cli/verbs/setup/controller.ts': 'runs the controller in the foreground: argv of constants and flags, no shell',
    'sim/main.ts': 'forks itself to use all cores; ships to nobody',
    'adapters/transport/local/child.ts': 'is the one place where the controller starts processes: argv, no shell',
  },
  'shell text from data': {
    'adapters/runtimes/process/supervised.ts':
      'names one of the constant scripts of scripts.ts; data follows as "$1", ...',
    'adapters/runtimes/slurm/slurm-runtime.ts':
      'names one of the constant scripts beside it; data follows as "$1", ...',
    'controller/workspace/worktree.ts': 'names one of its constant scripts first; data follows as "$1", ...',
    'controller/desired/git/repository/command.ts': "is git's -c, a setting; no shell reads it",
    'controller/reconcile/effects/hooks.ts':
      'a hook is a shell command because its author wrote it as one; nothing is put into it',
  },
  'untrusted HTML': {},
  'runs text': {
    'controller/start.ts':
      "runs our own program, a file that the build wrote beside it; it is what a node's main file is",
  },
  'shell: true': {},
  'own dynamic import': {},
  'grows without end': {
    'api/manifests/collect.ts': 'lives as long as one reading, whose files and bytes are bounded',
    'api/manifests/read.ts': 'lives as long as one reading',
    'adapters/profiles/telling/tool-history.ts': 'at most KEPT_TOOL_NAMES names and one for all others',
    'api/manifests/files.ts': 'lives as long as one reading',
    'api/manifests/yaml-tree.ts': 'lives as long as the reading of one file of at most 1 MiB',
    'api/versions/notes.ts': 'lives as long as the conversion of one manifest',
    'controller/reconcile/effects/effect-runner.ts': 'one gate a place; places are declared by people',
    'controller/store/declared-objects.ts': 'one map a kind',
  },
};
type Class = keyof typeof MAY;
interface Finding {
  readonly class: Class;
  readonly line: number;
  readonly text: string;
}

const PROCESS_MODULES = new Set([
  'child_process',
  'node:child_process',
  'cluster',
  'node:cluster',
  'execa',
  'node-pty',
  'cross-spawn',
]);
const TEXT_RUNNERS = new Set([
  'eval',
  'Function',
  'execSync',
  'exec',
  'runInContext',
  'runInNewContext',
  'runInThisContext',
  'compileFunction',
  'execaCommand',
  'execaCommandSync',
]);
/** Options of shells behind which a script stands. */
const SCRIPT_OPTION = /^-[a-z]*c$/;

/** What a file says that it should not; names are told from the syntax tree, so that strings and comments do not count. */
function findings(file: string, source: string): readonly Finding[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.ES2022, true);
  const found: Finding[] = [];
  const report = (cls: Class, node: ts.Node) =>
    found.push({
      class: cls,
      line: tree.getLineAndCharacterOfPosition(node.getStart()).line + 1,
      text: node.getText().slice(0, 100),
    });
  const constants = constantTexts(tree);
  const isConstant = (node: ts.Expression | undefined): boolean =>
    node !== undefined &&
    (ts.isStringLiteralLike(node) ||
      (ts.isIdentifier(node) && constants.has(node.text)) ||
      // A template of constants alone: shared functions of fixed scripts.
      (ts.isTemplateExpression(node) && node.templateSpans.every(({ expression }) => isConstant(expression))));
  const visit = (node: ts.Node): void => {
    if (
      ts.isImportDeclaration(node) &&
      ts.isStringLiteral(node.moduleSpecifier) &&
      PROCESS_MODULES.has(node.moduleSpecifier.text) &&
      !node.importClause?.isTypeOnly
    )
      report('starts processes', node);
    if (ts.isCallExpression(node)) {
      const callee = node.expression;
      const name = ts.isIdentifier(callee)
        ? callee.text
        : ts.isPropertyAccessExpression(callee)
          ? callee.name.text
          : '';
      const [first] = node.arguments;
      // `pattern.exec(text)` is a method of regular expressions, and SQLite's `exec` takes SQL; a bare name is neither.
      if (TEXT_RUNNERS.has(name) && (name !== 'exec' || ts.isIdentifier(callee))) report('runs text', node);
      if (
        (name === 'require' || callee.kind === ts.SyntaxKind.ImportKeyword) &&
        first &&
        ts.isStringLiteralLike(first) &&
        PROCESS_MODULES.has(first.text)
      )
        report('starts processes', node);
      if (
        (name === 'require' || callee.kind === ts.SyntaxKind.ImportKeyword) &&
        first &&
        !ts.isStringLiteralLike(first)
      )
        report('own dynamic import', node);
      // SQL is text too.
      if (name === 'exec' && ts.isPropertyAccessExpression(callee) && first && ts.isTemplateExpression(first))
        report('runs text', node);
    }
    if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'Function')
      report('runs text', node);
    if (
      ts.isPropertyAssignment(node) &&
      node.name.getText().replace(/['"]/g, '') === 'shell' &&
      node.initializer.kind !== ts.SyntaxKind.FalseKeyword
    )
      report('shell: true', node);
    if (
      ts.isPropertyAccessExpression(node) &&
      ['innerHTML', 'outerHTML', 'insertAdjacentHTML'].includes(node.name.text)
    )
      report('untrusted HTML', node);
    if (ts.isClassDeclaration(node)) for (const field of endless(node)) report('grows without end', field);
    if (ts.isArrayLiteralExpression(node))
      node.elements.forEach((element, i) => {
        const before = node.elements[i - 1];
        if (before && ts.isStringLiteralLike(before) && SCRIPT_OPTION.test(before.text) && !isConstant(element))
          report('shell text from data', element);
      });
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

const COLLECTIONS = new Set(['Map', 'Set']);
/** Queues and tables of an object that are added to, and that nothing takes from: neither a method of theirs nor a new value. */
function endless(of: ts.ClassDeclaration): readonly ts.PropertyDeclaration[] {
  const source = of.getText();
  return of.members.filter(ts.isPropertyDeclaration).filter(({ name, initializer }) => {
    const collects =
      initializer !== undefined &&
      (ts.isArrayLiteralExpression(initializer) ||
        (ts.isNewExpression(initializer) && COLLECTIONS.has(initializer.expression.getText())));
    if (!collects) return false;
    const says = (pattern: string) => new RegExp(`this\\.${name.getText()}${pattern}`).test(source);
    const grows = says(String.raw`\.(push|unshift|set|add)\(`);
    const shrinks = says(String.raw`(\.(splice|shift|pop|delete|clear)\(|\.length = |\s*=[^=>])`);
    return grows && !shrinks;
  });
}

/** Names in capitals that stand for one text, here or where they were imported from. */
function constantTexts(tree: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  const add = (name: string) => {
    if (/^[A-Z][A-Z0-9_]+$/.test(name)) names.add(name);
  };
  for (const statement of tree.statements) {
    if (
      ts.isImportDeclaration(statement) &&
      statement.importClause?.namedBindings &&
      ts.isNamedImports(statement.importClause.namedBindings)
    )
      for (const { name } of statement.importClause.namedBindings.elements) add(name.text);
    if (ts.isVariableStatement(statement) && statement.declarationList.flags & ts.NodeFlags.Const)
      for (const { name } of statement.declarationList.declarations) if (ts.isIdentifier(name)) add(name.text);
  }
  return names;
}

const files = ROOMS.flatMap((room) =>
  readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
    .map((path) => join(room, path))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts')),
);
const inTree = files
  .flatMap((file) => findings(file, readFileSync(join(ROOT, file), 'utf8')).map((one) => ({ file, ...one })))
  // A simulated run keeps all it saw, and is over in milliseconds.
  .filter((one) => !(one.class === 'grows without end' && one.file.startsWith('sim/')));

describe.each(Object.keys(MAY))('%s', (cls) => {
  it('nowhere but where it is allowed, with a reason', () => {
    const allowed = MAY[cls] ?? {};
    const here = inTree.filter((one) => one.class === cls);
    expect(here.filter(({ file }) => allowed[file] === undefined)).toEqual([]);
    expect(Object.keys(allowed).filter((file) => !here.some((one) => one.file === file))).toEqual([]);
  });
});

it('looks at the whole tree', () => {
  expect(files.length).toBeGreaterThan(150);
  expect(files).toContain('adapters/transport/local/child.ts');
});

/** Each is a hole that was seen in another supervisor of agents; the lint must find it, else it closes nothing. */
describe('finds what it is for', () => {
  it.each<readonly [Class, string]>([
    ['starts processes', "import { exec } from 'node:child_process';"],
    ['starts processes', "import { execa } from 'execa';"],
    ['starts processes', "const { exec } = await import('child_process');"],
    ['starts processes', "const cp = require('child_process');"],
    ['shell: true', "spawn('tmux', args, { shell: true });"],
    ['shell: true', "spawn('tmux', args, { 'shell': process.env.SHELL });"],
    ['runs text', 'exec(`tmux kill-session -t ${name}`);'],
    ['runs text', "execSync('ls ' + dir);"],
    ['runs text', 'new Function(text)();'],
    ['runs text', 'eval(text);'],
    ['runs text', 'database.exec(`delete from agents where name = ${name}`);'],
    ['shell text from data', "run(['sh', '-c', `tmux send-keys ${text}`]);"],
    ['shell text from data', "run(['bash', '-lc', 'cd ' + dir]);"],
    ['shell text from data', "run(['sh', '-c', command]);"],
    ['shell text from data', "run(['sh', '-ec', quoteArgv(argv)]);"],
    ['untrusted HTML', 'element.innerHTML = name;'],
    ['own dynamic import', 'await import(path);'],
    ['grows without end', 'class A { readonly #queue: string[] = []; add(x: string) { this.#queue.push(x); } }'],
    ['grows without end', 'class A { readonly seen = new Set<string>(); add(x: string) { this.seen.add(x); } }'],
  ])('%s: %s', (cls, source) => {
    expect(findings('planted.ts', source).map((one) => one.class)).toContain(cls);
  });

  it.each([
    'const found = /a(b)/.exec(text);',
    "run(['sh', '-c', 'echo \"$1\"', 'x', value]);",
    "const SCRIPT = 'x'; run(['sh', '-c', SCRIPT, name]);",
    "import type { ChildProcess } from 'node:child_process';",
    '// eval(text) and shell: true',
    "sqlite.exec('begin');",
    'class A { #queue: string[] = []; add(x: string) { this.#queue = [...this.#queue, x].slice(-9); } }',
    'class A { #all = new Map(); add(x: string) { this.#all.set(x, 1); } drop(x: string) { this.#all.delete(x); } }',
    'const text = \'eval(x); import { exec } from "child_process"\';',
  ])('and passes %s', (source) => {
    expect(findings('fine.ts', source)).toEqual([]);
  });
});

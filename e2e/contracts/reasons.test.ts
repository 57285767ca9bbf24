/** Reasons of events and conditions, as they stand in the code: scripts match on them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { golden } from './golden.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');
/** Functions that take a reason among their arguments. */
const TELLERS = ['normal', 'warning', 'yes', 'no', 'unknown', '#event', 'event', '#tell'];
/** Kinds of events, told beside the reason. */
const TYPES = ['Normal', 'Warning'];
const CAMEL_CASE = /^[A-Z][a-z]+(?:[A-Z]+[a-z]*)*$/;

/** Every literal that an expression may become. */
function literals(node: ts.Expression | undefined): readonly string[] {
  if (!node) return [];
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isConditionalExpression(node)) return [...literals(node.whenTrue), ...literals(node.whenFalse)];
  if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node)) return literals(node.expression);
  if (ts.isBinaryExpression(node)) return [...literals(node.left), ...literals(node.right)];
  if (ts.isTemplateExpression(node)) return [`*${node.templateSpans.map(({ literal }) => literal.text).join('*')}`];
  if (ts.isObjectLiteralExpression(node))
    return node.properties.flatMap((one) => (ts.isPropertyAssignment(one) ? literals(one.initializer) : []));
  return [];
}

function reasonsIn(file: string): readonly string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAssignment(node) || ts.isPropertyDeclaration(node) || ts.isVariableDeclaration(node))
      if (/^(?:reason|finalReason|\w+_REASONS)$/.test(node.name.getText())) found.push(...literals(node.initializer));
    // A condition as [type, status, reason, message].
    if (ts.isArrayLiteralExpression(node) && /^'(?:True|False|Unknown)'$/.test(node.elements[1]?.getText() ?? ''))
      found.push(...literals(node.elements[2]));
    if (ts.isCallExpression(node)) {
      const called = ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression;
      if (TELLERS.includes(called.getText())) found.push(...node.arguments.flatMap(literals));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found.filter((reason) => (CAMEL_CASE.test(reason) && !TYPES.includes(reason)) || /^\*[A-Z]\w*$/.test(reason));
}

it('reasons are the ones that are known', async () => {
  const files = ['api', 'controller', 'adapters'].flatMap((room) =>
    readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => join(room, file)),
  );
  const where = new Map<string, Set<string>>();
  for (const file of files)
    for (const reason of reasonsIn(join(ROOT, file)))
      where.set(reason, (where.get(reason) ?? new Set()).add(file.split('/').slice(0, 2).join('/')));
  expect([...where.keys()]).toEqual(
    expect.arrayContaining(['Created', 'Started', 'Ready', 'Exited', 'BackOff', 'Adopted']),
  );
  const lines = [...where]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([reason, rooms]) => `${reason}: ${[...rooms].sort().join(' ')}`);
  await golden('reasons.txt', `${lines.join('\n')}\n`);
});

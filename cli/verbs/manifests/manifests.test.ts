import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { EXIT } from '../../../api/resources/errors.ts';
import { allFieldPaths } from '../../../api/resources/schema.ts';
import { fakeContext } from '../../fake-context.ts';
import { run as convert } from './convert.ts';
import { run as explain } from './explain.ts';
import { run as schema } from './schema.ts';
import { run as validate } from './validate.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'sac-manifests-test-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));
const write = (path: string, text: string) => {
  mkdirSync(dirname(join(cwd, path)), { recursive: true });
  writeFileSync(join(cwd, path), text);
};
const exec = (name: string, more = '') =>
  `apiVersion: sac/v1\nkind: Agent\nmetadata: {name: ${name}}\nspec:\n  command: [sleep, '1']\n${more}`;
const OLD = `apiVersion: scitex-agent-container/v3
kind: Agent
metadata: {name: old, labels: {role: worker}}
spec: {model: opus}
`;

describe('sac validate', () => {
  it('names what is valid, with no controller', async () => {
    write('agents/web/spec.yaml', exec('web'));
    const context = fakeContext({ cwd });
    expect(await validate([], { filename: ['agents'] }, context)).toBe(EXIT.done);
    expect(context.out.text).toBe(`${join(cwd, 'agents/web/spec.yaml')}: agent/web valid\n`);
  });
  it('tells all problems of all files at once, and still the healthy ones', async () => {
    write('a.yaml', exec('a', '  restart: {policy: sometimes, maxRetries: -1}\n'));
    write('b.yaml', exec('b', '  replicsa: 2\n'));
    write('c.yaml', exec('c'));
    const context = fakeContext({ cwd });
    expect(await validate(['a.yaml'], { filename: ['b.yaml', 'c.yaml'] }, context)).toBe(EXIT.usage);
    expect(context.out.text).toMatch(/c\.yaml: agent\/c valid\n$/);
    const lines = context.err.text.trim().split('\n');
    expect(lines).toHaveLength(3);
    expect(context.err.text).toMatch(/a\.yaml:6:\d+ spec\.restart\.policy: "sometimes"/);
    expect(context.err.text).toMatch(/b\.yaml:6:\d+ spec\.replicsa: .*replicas/);
  });
  it('reads standard input', async () => {
    const context = fakeContext({ cwd, stdin: exec('web') });
    expect(await validate(['-'], {}, context)).toBe(EXIT.done);
  });
  it('is not content with nothing', () =>
    expect(validate([], {}, fakeContext({ cwd }))).rejects.toMatchObject({ exitCode: EXIT.usage }));
});

describe('sac convert', () => {
  it('goes to sac/v1 and back to the same document', async () => {
    write('old.yaml', OLD);
    const forth = fakeContext({ cwd });
    expect(await convert([], { filename: ['old.yaml'] }, forth)).toBe(EXIT.done);
    expect(parse(forth.out.text)).toMatchObject({ apiVersion: 'sac/v1', metadata: { name: 'old' } });
    const back = fakeContext({ cwd, stdin: forth.out.text });
    expect(await convert(['-'], { to: 'original' }, back)).toBe(EXIT.done);
    expect(parse(back.out.text)).toEqual(parse(OLD));
  });
  it('warns of what the older version cannot say', async () => {
    const context = fakeContext({ cwd, stdin: exec('web', '  replicas: 3\n') });
    await convert(['-'], { to: 'original', output: 'json' }, context);
    expect(context.err.text).toMatch(/warning: .*spec\.replicas: the older version cannot say this/);
    expect(JSON.parse(context.out.text)).toMatchObject({ kind: 'Agent' });
  });
  it('prints nothing but problems for a broken one', async () => {
    const context = fakeContext({ cwd, stdin: 'a: [' });
    expect(await convert(['-'], {}, context)).toBe(EXIT.usage);
    expect(context.out.text).toBe('');
  });
  it.each([{ to: 'v2' }, { output: 'xml' }])('refuses %j', (options) =>
    expect(convert(['-'], options, fakeContext({ cwd }))).rejects.toMatchObject({ exitCode: EXIT.usage }),
  );
});

describe('sac explain and schema', () => {
  const page = async (path: string, options = {}) => {
    const context = fakeContext({ cwd });
    await explain([path], options, context);
    return context.out.text;
  };
  it('explains a field with its type, default, and what is allowed', async () => {
    const text = await page('agent.spec.restart.policy');
    expect(text).toMatch(/^FIELD: +agent\.spec\.restart\.policy <text>$/m);
    expect(text).toMatch(/^DEFAULT: +"on-failure"$/m);
    expect(text).toMatch(/^ALLOWED: +never, on-failure, always$/m);
    expect(await page('spec.restart.policy')).toBe(text);
    expect(await page('agents.spec.restart.policy')).toBe(text);
  });
  it('explains every field there is', async () => {
    for (const path of allFieldPaths()) expect(await page(path)).toContain(`FIELD:      ${path} <`);
  });
  it('shows the whole shape with --recursive', async () =>
    expect(await page('agent', { recursive: true })).toMatch(/^ {4}restart <mapping>\n {6}policy <text>/m));
  it('knows what it does not know', async () => {
    await expect(page('agent.spec.restrat')).rejects.toMatchObject({ exitCode: EXIT.notFound });
    await expect(page('instances')).rejects.toThrow(/only what manifests say/);
    await expect(schema(['hoost'], {}, fakeContext())).rejects.toMatchObject({ exitCode: EXIT.notFound });
  });
});

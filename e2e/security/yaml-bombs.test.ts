/** Row 6: 50 manifests made to exhaust memory or to mean more than they say; each refused with exit code 2, and little memory. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLI, execManifest, Fleet, run, until } from '../harness.ts';

const MIB = 1024 * 1024;
const HEAD = 'apiVersion: sac/v1\nkind: Agent\nmetadata: {name: bomb}\nspec: {profile: exec, command: ["true"]}\n';
const many = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join('');
const laughs = (levels: number, width: number, wrap: (inner: string) => string): string =>
  `a0: &a0 ${wrap(many(width, () => 'lol,'))}\n${many(levels, (i) => `a${i + 1}: &a${i + 1} ${wrap(many(width, () => `*a${i},`))}\n`)}`;
const seq = (inner: string) => `[${inner}]`;
const below = (text: string) => `${HEAD}x:\n${text.replace(/^/gm, '  ')}\n`;

const BOMBS: Readonly<Record<string, string>> = {
  'billion laughs of lists': `${HEAD}${laughs(9, 9, seq)}`,
  'billion laughs of mappings': `${HEAD}${laughs(
    9,
    9,
    (inner) =>
      `{${inner
        .split(',')
        .map((word, i) => (word ? `k${i}: ${word}` : ''))
        .join(', ')}}`,
  )}`,
  'billion laughs two wide': `${HEAD}${laughs(60, 2, seq)}`,
  'billion laughs below env': HEAD.replace('spec: {', `${laughs(9, 9, seq)}spec: {env: *a9, `),
  'quadratic text': `${HEAD}a: &a ${'x'.repeat(100_000)}\nb: [${'*a,'.repeat(90_000)}]\n`,
  'quadratic block text': `${HEAD}a: &a |\n  ${'x'.repeat(200_000)}\nb: [${'*a,'.repeat(100)}*a]\n`,
  'alias of itself': `${HEAD}a: &a [*a]\n`,
  'mappings that hold each other': `${HEAD}a: &a {b: &b {c: *a, d: *b}}\n`,
  'alias as key': `${HEAD}a: &a x\n*a : y\n`,
  'alias of nothing': `${HEAD}a: *nobody\n`,
  'anchor overridden again and again': `${HEAD}${many(200, (i) => `k${i}: [&a x, *a]\n`)}`,
  'a hundred thousand anchors': `${HEAD}${many(100_000, (i) => `- &a${i} x\n`)}`,
  'deep lists': `${HEAD}x: ${'['.repeat(100_000)}\n`,
  'deep lists, closed': `${HEAD}x: ${'['.repeat(50_000)}${']'.repeat(50_000)}\n`,
  'deep mappings': `${HEAD}x: ${'{a: '.repeat(50_000)}\n`,
  'deep block lists': `${HEAD}x: ${'- '.repeat(100_000)}y\n`,
  'deep block mappings': `${HEAD}${many(1_000, (i) => `${' '.repeat(i)}a:\n`)}`,
  'deep explicit keys': `${HEAD}x: ${'? '.repeat(50_000)}y\n`,
  'deep through aliases': `${HEAD}a0: &a0 [x]\n${many(90, (i) => `a${i + 1}: &a${i + 1} [*a${i}]\n`)}`,
  'a hundred thousand keys': `${HEAD}${many(80_000, (i) => `k${i}: 1\n`)}`,
  'a hundred thousand items': `${HEAD}x:\n${many(200_000, () => '- a\n')}`,
  'a million empty items': `${HEAD}x: [${','.repeat(1_000_000)}]\n`,
  'a hundred thousand documents': many(100_000, () => '---\na\n'),
  'documents of nothing but ends': many(200_000, () => '...\n'),
  'a hundred thousand directives': `${many(80_000, (i) => `%TAG !e${i}! tag:x,2000:\n`)}---\n${HEAD}`,
  'a million comments and a fault': `${many(300_000, () => '#\n')}spec: [`,
  'one line of a megabyte': `${HEAD}x: "${'\\u0061'.repeat(170_000)}"\n`,
  'an open quote': `${HEAD}x: "${'a\n'.repeat(400_000)}`,
  'an open single quote': `${HEAD}x: '${"''".repeat(400_000)}`,
  'more than a mebibyte': `${HEAD}# ${'x'.repeat(1_100_000)}\n`,
  'twenty mebibytes': `${HEAD}# ${'x'.repeat(20 * MIB)}\n`,
  'merge keys': `${HEAD}a: &a {x: 1}\nb: {<<: *a}\n`,
  'merge keys in circles': `${HEAD}a: &a {<<: *a}\n`,
  'merge of a list of merges': `${HEAD}a: &a {x: 1}\nb: {<<: [${'*a,'.repeat(5_000)}]}\n`,
  'prototype by key': `${HEAD}__proto__: {polluted: true}\n`,
  'prototype by merge': `${HEAD}<<: {__proto__: {polluted: true}}\n`,
  'constructor by key': `${HEAD}constructor: {prototype: {polluted: true}}\n`,
  'prototype below spec': HEAD.replace('spec: {', 'spec: {__proto__: {command: [x]}, '),
  'tag of javascript': `${HEAD}x: !!js/function 'function () { process.exit(0) }'\n`,
  'tag of python': `${HEAD}x: !!python/object/apply:os.system ["true"]\n`,
  'tag of binary': `${HEAD}x: !!binary ${'QUFB'.repeat(100_000)}\n`,
  'tag of set': `${HEAD}x: !!set {a, b}\n`,
  'tag of a secret file': `${HEAD}x: !include /etc/passwd\n`,
  'version 1.1': `%YAML 1.1\n---\n${HEAD}suspend: no\n`,
  'same key twice': HEAD.replace('kind: Agent', 'kind: Agent\nkind: Agent'),
  'a number beyond all': `${HEAD}x: ${'9'.repeat(500_000)}\n`,
  'not a number': HEAD.replace('spec: {', 'spec: {replicas: .nan, '),
  infinity: HEAD.replace('spec: {', 'spec: {replicas: .inf, '),
  'bytes that are not text': `${HEAD}x: \u0000\u0001\n`,
  'a folded text of a million lines': below(`>\n${many(200_000, () => '  a\n\n')}`),
};

/** Says at its end how much memory it had at most (KiB), to the file that is named in the environment. */
const METER = `data:text/javascript,${encodeURIComponent(
  "import { writeFileSync } from 'node:fs'; process.on('exit', () => writeFileSync(process.env.METER_FILE, String(process.resourceUsage().maxRSS)));",
)}`;

let fleet: Fleet;
let healthy: string;
beforeAll(() => {
  fleet = new Fleet();
  healthy = fleet.write('healthy.yaml', execManifest('healthy', ['true']));
});
afterAll(() => fleet[Symbol.asyncDispose]());

async function metered(args: readonly string[], cli: string) {
  const file = join(fleet.dir, 'rss');
  const env = { ...fleet.env, METER_FILE: file };
  const ran = await run(process.execPath, ['--import', METER, cli, ...args], { env, cwd: fleet.dir });
  return { ...ran, rss: Number(readFileSync(file, 'utf8')) * 1024 };
}

it('there are 50', () => expect(Object.keys(BOMBS).length).toBeGreaterThanOrEqual(50));

it('validate refuses each with exit code 2, in less than 64 MiB more than a healthy manifest takes', async () => {
  const { code, rss: usual } = await metered(['validate', '-f', healthy], CLI);
  expect(code).toBe(0);
  const waiting = Object.entries(BOMBS).map(([name, text], i) => ({ name, file: fleet.write(`bomb-${i}.yaml`, text) }));
  const seen: { readonly name: string; readonly code: number; readonly growthMiB: number; readonly said: boolean }[] =
    [];
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const ran = await metered(['validate', '-f', next.file], CLI);
    const said = ran.stderr.includes(next.file) && !ran.stderr.includes('\n    at ') && ran.stderr.length < 40_000;
    seen.push({ name: next.name, code: ran.code, growthMiB: Math.round((ran.rss - usual) / MIB), said });
  }
  expect(seen.filter(({ code, growthMiB, said }) => code !== 2 || growthMiB >= 64 || !said)).toEqual([]);
});

it('apply takes the healthy one among them, refuses the others, and ends with 2', async () => {
  await fleet.controller();
  const files = Object.keys(BOMBS).map((_, i) => join(fleet.dir, `bomb-${i}.yaml`));
  const { code, stdout, stderr } = await fleet.sac(['apply', ...[...files, healthy].flatMap((file) => ['-f', file])]);
  expect(stdout).toBe('agent/healthy created\n');
  expect(code).toBe(2);
  expect(files.filter((file) => !stderr.includes(file))).toEqual([]);
  expect((await fleet.json(['get', 'agents'])).items).toHaveLength(1);
  await fleet.ok(['controller', 'stop']);
});

it('a controller that watches a directory full of them serves on, in less than 64 MiB more', async () => {
  mkdirSync(join(fleet.agentsDir, 'good'), { recursive: true });
  writeFileSync(join(fleet.agentsDir, 'good', 'spec.yaml'), execManifest('good', ['sleep', '1000']));
  // As it is started for people, with its memory flags.
  await fleet.ok(['controller', 'start', '--agents-dir', fleet.agentsDir]);
  const { pid } = await fleet.json(['controller', 'status']);
  const running = () => until('good runs', async () => (await fleet.json(['get', 'agent', 'good'])).status.ready);
  await running();
  const before = peakRss(pid);
  Object.values(BOMBS).forEach((text, i) => {
    mkdirSync(join(fleet.agentsDir, `bomb${i}`), { recursive: true });
    writeFileSync(join(fleet.agentsDir, `bomb${i}`, 'spec.yaml'), text);
  });
  const told = await until('all are read', async () => {
    const { manifestErrors } = await fleet.json(['controller', 'status']);
    const named = Object.keys(BOMBS).filter((_, i) =>
      manifestErrors.some((line: string) => line.includes(`/bomb${i}/`)),
    );
    return named.length === Object.keys(BOMBS).length ? named : undefined;
  });
  expect(told).toHaveLength(Object.keys(BOMBS).length);
  await running();
  expect((peakRss(pid) - before) / MIB).toBeLessThan(64);
  expect(
    (await fleet.json(['get', 'agents'])).items.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
  ).toEqual(['good', 'healthy']);
});

/** Bytes; proc(5). */
function peakRss(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

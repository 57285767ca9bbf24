import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { PROFILE_NAMES } from '../resources/agent/agent.ts';
import { agentJsonSchema, allFieldPaths, createExplain, type Explanation } from '../resources/schema.ts';
import { readAgentsDir, readPath } from './files.ts';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const manifests = join(root, 'manifests');
const agentFiles = ['quickstart', 'templates', 'examples'].flatMap((folder) =>
  readdirSync(join(manifests, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.ya?ml$/.test(file))
    .map((file) => join(folder, file)),
);

describe('the shipped manifests', () => {
  it.each(agentFiles)('%s is valid and knows its schema', async (file) => {
    const path = join(manifests, file);
    const { documents, problems } = await readPath(path);
    expect(problems.map((problem) => problem.text)).toEqual([]);
    expect(documents.length).toBeGreaterThan(0);
    const schema = relative(dirname(path), join(manifests, 'schema/agent.json'));
    expect(readFileSync(path, 'utf8').split('\n')[0]).toBe(`# yaml-language-server: $schema=${schema}`);
  });

  it('start with three agents that need nothing but Node and sh', async () => {
    const { ok, documents, problems } = await readAgentsDir(join(manifests, 'quickstart'));
    expect([ok, problems]).toEqual([true, []]);
    expect(documents.map((document) => document.name)).toEqual(['clock', 'gauge', 'parrot']);
    for (const { parsed } of documents) {
      expect(['sh', 'node']).toContain(parsed.spec.command?.[0]);
      expect(parsed.spec).toMatchObject({ profile: 'exec', place: { runtime: 'auto' } });
    }
  });

  it('have a template for each profile', () => {
    expect(readdirSync(join(manifests, 'templates')).sort()).toEqual(
      PROFILE_NAMES.map((name) => `${name}.yaml`).sort(),
    );
  });

  // After a change of the schema: npx vitest run --project unit api/manifests/shipped -u
  it('come with the JSON Schema as it is', async () => {
    await expect(`${JSON.stringify(agentJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(
      join(manifests, 'schema/agent.json'),
    );
  });
});

describe('docs/manifests.md', () => {
  it('lists the fields as the schema has them', async () => {
    const path = join(root, 'docs/manifests.md');
    const text = readFileSync(path, 'utf8');
    const [before, after] = [text.split(BEGIN)[0], text.split(END)[1]];
    expect(after).toBeDefined();
    await expect(`${before}${BEGIN}\n${fieldTables()}${END}${after}`).toMatchFileSnapshot(path);
  });
});

const BEGIN = '<!-- fields: made from `sac explain`; npx vitest run --project unit api/manifests/shipped -u -->';
const END = '<!-- end of fields -->';
const cell = (text: string) => text.replaceAll('|', '\\|');

function fieldTables(): string {
  const sections = ['agent', ...allFieldPaths()].map(createExplain()).filter((section) => section.fields.length > 0);
  return sections.map((section) => `${table(section)}\n`).join('\n');
}

function table({ path, description, fields }: Explanation): string {
  const rows = fields.map(({ name, type, required, description: text, default: fallback, allowed }) => {
    const values = allowed === undefined || allowed === '' ? '' : ` (${allowed})`;
    const shown = required ? 'required' : fallback === undefined ? '' : `\`${fallback}\``;
    return `| \`${name}\` | ${cell(`${type}${values}`)} | ${cell(shown)} | ${cell(text)} |`;
  });
  return [
    `#### ${path}`,
    '',
    description,
    '',
    '| Field | Type | Default | Meaning |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}

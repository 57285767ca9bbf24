/**
 * Owns: manifests made up from the JSON Schema of a kind, so that a new field is tried without anybody thinking of it.
 * Never: knows a field by name, except for the few whose text has a form of its own, and sections that one runtime alone reads.
 */
import fc from 'fast-check';
import { readManifests } from '../../api/manifests/read.ts';
import { SECTIONS } from '../../api/resources/agent/place/sections.ts';
import { allFieldPaths, type JsonSchema, jsonSchemaOf } from '../../api/resources/schema.ts';

export type Json = Readonly<Record<string, unknown>>;

const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null;
const plain = fc.oneof(
  fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/),
  fc.constantFrom('/srv/some place', 'Ünï cødé', 'a: b # c', '${HOME}', '- x', 'null', '007', 'tab\there', "it's"),
);
/** Texts with a form of their own; tried beside `plain`, the schema says which are taken. */
const formed = fc.constantFrom(
  '/tmp/a:/b:ro',
  '4G',
  '512m',
  '1-00:00:00',
  'B:USR1@60',
  'https://example.org/x.git',
  'NET_ADMIN',
  'nofile=1024:2048',
  '1000:1000',
  'Enter',
  'gpu:2',
  '/x',
  '~/y',
  'SOME_NAME',
  'all',
  '*/5 * * * *',
);
const duration = fc.oneof(fc.integer({ min: 1, max: 600 }), fc.constantFrom('30s', '5m', '1h30m', '250ms', '1d'));

/** Values of a schema; what cross-field rules refuse is filtered out by whoever uses them. */
export function madeFrom(node: JsonSchema): fc.Arbitrary<unknown> {
  if (node.title === 'duration') return duration;
  if (node.const !== undefined) return fc.constant(node.const);
  if (node.enum) return fc.constantFrom(...node.enum);
  const options = [...(node.anyOf ?? []), ...(node.oneOf ?? [])].filter(isSchema);
  if (options.length > 0) return fc.oneof(...options.map(madeFrom));
  switch (node.type) {
    case 'boolean':
      return fc.boolean();
    case 'integer':
    case 'number': {
      const least = Math.ceil(
        node.minimum ?? (typeof node.exclusiveMinimum === 'number' ? node.exclusiveMinimum + 1 : 0),
      );
      return fc.integer({ min: least, max: Math.max(least, Math.min(node.maximum ?? least + 100, least + 100)) });
    }
    case 'string':
      return node.pattern === undefined ? fc.oneof(plain, formed) : fc.oneof(plain, formed, matching(node.pattern));
    case 'array': {
      const items = isSchema(node.items) && !Array.isArray(node.items) ? madeFrom(node.items) : plain;
      return fc.array(items, { minLength: node.minItems ?? 0, maxLength: Math.min(node.maxItems ?? 3, 3) });
    }
    case 'object':
      return objectOf(node);
    default:
      return plain;
  }
}

/** Texts of patterns that fast-check can turn round; those that look ahead it cannot. */
const matching = (pattern: string): fc.Arbitrary<string> =>
  /\(\?<?[=!]/.test(pattern) ? plain : fc.stringMatching(new RegExp(pattern));

function objectOf(node: JsonSchema): fc.Arbitrary<Json> {
  const required = node.required ?? [];
  const known = Object.fromEntries(
    Object.entries(node.properties ?? {}).flatMap(([name, field]) =>
      isSchema(field) ? [[name, madeFrom(field)]] : [],
    ),
  );
  if (Object.keys(known).length > 0)
    return fc.record(known, { requiredKeys: Object.keys(known).filter((name) => required.includes(name)) });
  const others = isSchema(node.additionalProperties) ? madeFrom(node.additionalProperties) : plain;
  const names = fc.constantFrom('SOME_NAME', 'some-name', 'example.org/part', 'trust');
  return fc.dictionary(names, others, { maxKeys: 2 });
}

/** One manifest for each field: that field set, and the few that its kind cannot do without. */
export interface FieldManifest {
  readonly path: string;
  readonly manifest: fc.Arbitrary<Json>;
}

export function manifestsOf(kind: string, base: Json): readonly FieldManifest[] {
  const schema = jsonSchemaOf(kind);
  return allFieldPaths(kind)
    .filter((path) => path.startsWith(`${kind}.spec.`) || path.startsWith(`${kind}.metadata.`))
    .flatMap((path) => {
      const section = /^agent\.spec\.place\.(\w+)/.exec(path)?.[1];
      const read = SECTIONS.some((one) => one === section) ? { spec: { place: { runtime: section } } } : {};
      const manifest = withField(schema, path.split('.').slice(1), merged(base, read));
      return manifest ? [{ path, manifest: manifest.filter(isMapping) }] : [];
    });
}

/** The field set, with what the mappings on the way to it cannot do without. Undefined for fields of a list's items. */
function withField(node: JsonSchema, parts: readonly string[], base: unknown): fc.Arbitrary<unknown> | undefined {
  const [part, ...rest] = parts;
  if (part === undefined) return madeFrom(node);
  const shape = [node, ...(node.anyOf ?? [])].filter(isSchema).find(({ properties }) => properties?.[part]);
  const next: unknown = shape?.properties?.[part];
  if (!shape || !isSchema(next)) return undefined;
  const here: Json = isMapping(base) ? base : {};
  const below = withField(next, rest, here[part]);
  if (!below) return undefined;
  const needed = (shape.required ?? []).flatMap((name) => {
    const field: unknown = shape.properties?.[name];
    return name !== part && !(name in here) && isSchema(field) ? [[name, madeFrom(field)] as const] : [];
  });
  return fc.record({ ...Object.fromEntries(needed), [part]: below }).map((made) => ({ ...here, ...made }));
}

const isMapping = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Both, field by field; where both have a value that is no mapping, the second one's. */
export function merged(a: unknown, b: unknown): unknown {
  if (!isMapping(a) || !isMapping(b)) return b;
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return Object.fromEntries(
    keys.map((key) => [key, key in a && key in b ? merged(a[key], b[key]) : (b[key] ?? a[key])]),
  );
}

/** What each kind cannot do without; nothing of it runs. */
export const BASES: Readonly<Record<string, Json>> = {
  agent: {
    apiVersion: 'sac/v1',
    kind: 'Agent',
    metadata: {},
    spec: { profile: 'exec', command: ['sleep', '1000'], suspend: true },
  },
  host: { apiVersion: 'sac/v1', kind: 'Host', metadata: {}, spec: { address: 'nowhere.invalid' } },
  gitsource: {
    apiVersion: 'sac/v1',
    kind: 'GitSource',
    metadata: {},
    spec: { url: 'https://nowhere.invalid/x.git', suspend: true },
  },
  budget: { apiVersion: 'sac/v1', kind: 'Budget', metadata: {}, spec: { window: 'day', agents: 5 } },
  notifier: {
    apiVersion: 'sac/v1',
    kind: 'Notifier',
    metadata: {},
    spec: { command: { argv: ['true'] }, conditions: [{ type: 'Blocked' }] },
  },
  // At no cluster: nothing is submitted.
  reservation: {
    apiVersion: 'sac/v1',
    kind: 'Reservation',
    metadata: {},
    spec: { time: '1:00:00', host: 'nowhere' },
  },
};

/** Most fields are made up right at once. The same seed makes up the same ones first. */
const TRIES = [10, 400];

export const named = (manifest: Json, name: string): Json => ({
  ...manifest,
  metadata: { ...(manifest['metadata'] as Json), name },
});
export const isValid = (manifest: Json): boolean =>
  readManifests(JSON.stringify(manifest), 'made-up').problems.length === 0;

/** The first that the reader takes, of so many tries. */
export function validOne({ manifest, path }: FieldManifest, name: string, seed: number): Json | undefined {
  for (const numRuns of TRIES)
    for (const made of fc.sample(manifest, { numRuns, seed: seed + path.length })) {
      const candidate = named(made, name);
      if (isValid(candidate)) return candidate;
    }
  return undefined;
}

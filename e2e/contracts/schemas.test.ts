/** Shapes: JSON Schema of every kind, OpenAPI, routes; and that each field of each kind is explained. */
import { describe, expect, it } from 'vitest';
import { PLURALS, ROUTES } from '../../api/protocol.ts';
import { EXIT } from '../../api/resources/errors.ts';
import { allFieldPaths, createExplain, EXPLAINED, type JsonSchema, jsonSchemaOf } from '../../api/resources/schema.ts';
import { openApiDocument } from '../../api/server/openapi.ts';
import { golden, goldenJson } from './golden.ts';

const explain = createExplain();

const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null;

/** Every named field, also of the items of lists and of all alternatives; read off the schema without `explain`'s help. */
function namedFields(node: JsonSchema, path: string): readonly string[] {
  const alternatives = [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])].filter(isSchema);
  const items = isSchema(node.items) && !Array.isArray(node.items) ? [node.items] : [];
  const below = Object.entries(node.properties ?? {}).flatMap(([name, field]) =>
    isSchema(field) ? [`${path}.${name}`, ...namedFields(field, `${path}.${name}`)] : [],
  );
  return [...new Set([...below, ...[...alternatives, ...items].flatMap((one) => namedFields(one, path))])];
}

describe.each(EXPLAINED)('the kind %s', (kind) => {
  it('has the JSON Schema it had', () => goldenJson(`schema/${kind}.json`, jsonSchemaOf(kind)));

  it('explains each of its fields, and no other', () => {
    const fields = [...namedFields(jsonSchemaOf(kind), kind)].sort();
    expect(fields.length).toBeGreaterThan(5);
    expect([...new Set(allFieldPaths(kind))].sort()).toEqual(fields);
    const silent = fields.filter((path) => {
      const { description, type } = explain(path);
      return !/\S{2,}.*\.$/s.test(description) || type === '';
    });
    expect(silent).toEqual([]);
  });
});

describe('the API', () => {
  it('has the OpenAPI document it had', () => goldenJson('openapi.json', openApiDocument('<version>')));

  it('has the routes, roles and kinds it had', () =>
    golden(
      'routes.txt',
      [
        ...Object.entries(ROUTES).map(([name, { method, path, role }]) => `${name}: ${method} ${path} (${role})`),
        `kinds: ${PLURALS.join(' ')}`,
        `exit codes: ${Object.entries(EXIT)
          .map(([name, code]) => `${code} ${name}`)
          .join(', ')}`,
        '',
      ].join('\n'),
    ));

  it('describes every route, once', () => {
    const { paths } = openApiDocument('1') as { readonly paths: Readonly<Record<string, Record<string, unknown>>> };
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const routed = Object.values(ROUTES).map(
      ({ method, path }) => `${method} ${path.replaceAll(/:([a-z]+)/g, '{$1}')}`,
    );
    expect(described.sort()).toEqual([...new Set(routed)].sort());
  });
});

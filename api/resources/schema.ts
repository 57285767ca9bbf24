/**
 * Owns: the JSON Schema of an Agent manifest and `sac explain`, both read off the zod schema.
 * Never: says anything about a field that the schema does not say.
 */
import { z } from 'zod';
import { agentManifestSchema } from './agent/agent.ts';
import { NotFoundError } from './errors.ts';
import { didYouMean } from './issues.ts';
import { findObjectKind, OBJECT_KIND_NAMES, OBJECT_KINDS, OBJECT_MANIFESTS } from './kinds/kinds.ts';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Kinds that manifests declare, by their name in paths: `agent`, `host`, ... */
export const EXPLAINED: readonly string[] = ['agent', ...OBJECT_KIND_NAMES.map((kind) => OBJECT_KINDS[kind].singular)];

/** JSON Schema (draft 2020-12) of what a person may write: fields with a default are optional. Throws NotFoundError. */
export function jsonSchemaOf(kind: string): JsonSchema {
  const objectKind = findObjectKind(kind);
  if (!objectKind && !/^agents?$/i.test(kind))
    throw new NotFoundError(
      `there is no kind "${kind}" that manifests declare${didYouMean(kind, EXPLAINED)}; known: ${EXPLAINED.join(', ')}`,
    );
  const manifest = objectKind ? OBJECT_MANIFESTS[objectKind] : agentManifestSchema;
  const { $schema, ...schema } = z.toJSONSchema(manifest, { io: 'input', target: 'draft-2020-12' });
  const id = objectKind ? OBJECT_KINDS[objectKind].singular : 'agent';
  return { ...($schema === undefined ? {} : { $schema }), $id: `urn:sac:v1:${id}`, ...schema };
}

export const agentJsonSchema = (): JsonSchema => jsonSchemaOf('agent');

export interface ExplainedField {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
  /** As JSON; absent where the default is "nothing" or lives in the fields below. */
  readonly default?: string;
  readonly allowed?: string;
}
export interface Explanation extends Omit<ExplainedField, 'name'> {
  /** `agent.spec.restart`. */
  readonly path: string;
  readonly fields: readonly ExplainedField[];
}

/** Explains `agent.spec.restart` (also `spec.restart`, `agents.spec.restart`). Throws NotFoundError for an unknown field. */
export type Explain = (path: string) => Explanation;

export const explain: Explain = (path) => createExplain()(path);

/** For who asks for many: the schema of a kind takes ten milliseconds, and every field is found by a walk from its top. */
export function createExplain(): Explain {
  const rendered = new Map<string, JsonSchema>();
  return (path) => explainWith(rendered, path);
}

function explainWith(rendered: Map<string, JsonSchema>, path: string): Explanation {
  const parts = path.split('.').filter((part) => part !== '');
  const objectKind = findObjectKind(parts[0] ?? '');
  if (objectKind || /^agents?$/i.test(parts[0] ?? '')) parts.shift();
  const kind = objectKind ? OBJECT_KINDS[objectKind].singular : 'agent';
  let node = rendered.get(kind) ?? jsonSchemaOf(kind);
  rendered.set(kind, node);
  let required = true;
  const walked = [kind];
  for (const part of parts) {
    const fields = fieldsOf(node);
    const next = Object.hasOwn(fields.properties, part) ? fields.properties[part] : fields.others;
    if (next === undefined) throw unknownField(part, walked, Object.keys(fields.properties));
    required = fields.required.includes(part);
    node = next;
    walked.push(part);
  }
  const { properties, required: needed } = fieldsOf(node);
  return {
    path: walked.join('.'),
    ...summary(node, required),
    fields: Object.entries(properties).map(([name, field]) => ({ name, ...summary(field, needed.includes(name)) })),
  };
}

/** Every field of a manifest, depth first: `agent.spec`, `agent.spec.profile`, ... */
export function allFieldPaths(path = 'agent', explain = createExplain()): string[] {
  return explain(path).fields.flatMap((field) => {
    const below = `${path}.${field.name}`;
    return [below, ...allFieldPaths(below, explain)];
  });
}

function unknownField(part: string, walked: readonly string[], known: readonly string[]): NotFoundError {
  const here = walked.join('.');
  const known_ = known.length === 0 ? `${here} has no fields` : `known: ${known.join(', ')}`;
  return new NotFoundError(`${here} has no field "${part}"${didYouMean(part, known)}; ${known_}`);
}

interface Fields {
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly required: readonly string[];
  /** Schema of the values of a free-form mapping. */
  readonly others?: JsonSchema;
}

const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null;

/** Of a list, the fields of its items: a path does not name the place in a list. */
function fieldsOf(node: JsonSchema): Fields {
  if (isSchema(node.items) && !Array.isArray(node.items)) return fieldsOf(node.items);
  if (node.type !== 'object') {
    const options = node.anyOf?.filter(isSchema).map(fieldsOf) ?? [];
    const named = options.find(({ properties, others }) => others !== undefined || Object.keys(properties).length > 0);
    return named ?? { properties: {}, required: [] };
  }
  const properties: Record<string, JsonSchema> = {};
  for (const [name, field] of Object.entries(node.properties ?? {})) if (isSchema(field)) properties[name] = field;
  const others = isSchema(node.additionalProperties) ? { others: node.additionalProperties } : {};
  return { properties, required: node.required ?? [], ...others };
}

function summary(node: JsonSchema, required: boolean): Omit<ExplainedField, 'name'> {
  const allowed = allowedText(node);
  const fallback =
    node.default === undefined || JSON.stringify(node.default) === '{}'
      ? {}
      : { default: JSON.stringify(node.default) };
  return {
    type: typeText(node),
    required,
    description: node.description ?? '',
    ...fallback,
    ...(allowed === '' ? {} : { allowed }),
  };
}

/** Title of durationSchema. */
const DURATION = 'duration';

function typeText(node: JsonSchema): string {
  if (node.title === DURATION) return DURATION;
  if (node.anyOf) return [...new Set(node.anyOf.filter(isSchema).map(typeText))].join(' or ');
  switch (node.type) {
    case 'array':
      return `list of ${isSchema(node.items) && !Array.isArray(node.items) ? typeText(node.items) : 'values'}`;
    case 'object':
      return isSchema(node.additionalProperties) ? `map of ${typeText(node.additionalProperties)}` : 'mapping';
    case 'string':
      return 'text';
    case 'integer':
      return 'whole number';
    case 'boolean':
      return 'true or false';
    default:
      return typeof node.type === 'string' ? node.type : 'anything';
  }
}

function allowedText(node: JsonSchema): string {
  if (node.title === DURATION) return '30s, 5m, 1h30m, 250ms, or plain seconds';
  if (node.anyOf)
    return [
      ...new Set(
        node.anyOf
          .filter(isSchema)
          .map(allowedText)
          .filter((text) => text !== ''),
      ),
    ].join('; or ');
  if (node.const !== undefined) return String(node.const);
  if (node.enum) return node.enum.map(String).join(', ');
  const { minimum, maximum, exclusiveMinimum } = node;
  if (minimum !== undefined && maximum !== undefined && Math.abs(maximum) < Number.MAX_SAFE_INTEGER)
    return `${minimum} to ${maximum}`;
  if (exclusiveMinimum !== undefined) return `more than ${exclusiveMinimum}`;
  if (minimum !== undefined) return `at least ${minimum}`;
  return '';
}

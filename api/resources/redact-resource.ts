/**
 * Owns: resources without the secrets that manifests declare, and recognising what was taken out, so that it is never declared.
 * Never: decides who may see them.
 */
import type { FieldPath } from './issues.ts';
import { REDACTED, redactDeep, redactSpec } from './redact.ts';

interface Declared {
  readonly metadata: object;
  readonly spec?: object;
}

/** What is declared in it is without secrets; a resource that declares nothing, and every status, has none. */
export function redactResource<T extends object>(resource: T): T {
  if (!isDeclared(resource) || resource.spec === undefined) return resource;
  const { metadata, spec } = resource;
  const annotations = 'annotations' in metadata && { annotations: redactDeep(metadata.annotations) };
  return { ...resource, metadata: { ...metadata, ...annotations }, spec: redactSpec({ ...spec }) };
}

const isDeclared = (resource: object): resource is Declared => 'metadata' in resource;

/** Says what, why and what to do; behind the field's path. */
export const MARK_MESSAGE = `holds "${REDACTED}", which stands for a secret that sac did not show; write the value itself (\`sac get --raw -o yaml\` shows it)`;

/** Where texts, or names of fields, hold the mark. */
export function marksIn(value: unknown, path: FieldPath = []): readonly FieldPath[] {
  if (typeof value === 'string') return value.includes(REDACTED) ? [path] : [];
  if (typeof value !== 'object' || value === null) return [];
  const entries: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
    ? value.map((item, index) => [index, item] as const)
    : Object.entries(value);
  return entries.flatMap(([key, held]) =>
    typeof key === 'string' && key.includes(REDACTED) ? [[...path, key]] : marksIn(held, [...path, key]),
  );
}

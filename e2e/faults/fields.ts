/**
 * Owns: manifests with one field set to what it cannot take, made up from what the schema says of the field.
 * Never: knows a field by name.
 */
import fc from 'fast-check';
import { createExplain } from '../../api/resources/schema.ts';
import type { Json } from '../contracts/manifests.ts';

const explain = createExplain();

const isMapping = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The manifest with one field set to a value; mappings, and lists with one item, are made on the way. */
export function withField(manifest: Json, path: string, value: unknown): Json {
  const [kind = '', ...parts] = path.split('.');
  return isMapping(manifest) ? set(manifest, [kind], parts, value) : manifest;
}

function set(node: Json, above: readonly string[], [part = '', ...rest]: readonly string[], value: unknown): Json {
  if (rest.length === 0) return { ...node, [part]: value };
  const here = [...above, part];
  const below = node[part];
  const next = set(isMapping(below) ? below : {}, here, rest, value);
  return { ...node, [part]: /^list of (?:mapping|text or mapping)/.test(explain(here.join('.')).type) ? [next] : next };
}

/** Values that no field of any type takes: nested where nothing nests so. */
const ODD: readonly unknown[] = [{ surprise: { deep: [1] } }, [[['x']]]];

/** Values that this field cannot take, whatever else the manifest says. */
export function wrongValues(path: string): fc.Arbitrary<unknown> {
  const { type, allowed } = explain(path);
  const values: unknown[] = [];
  const has = (word: string): boolean => type.split(' or ').some((one) => one === word);
  if (/^(?:mapping|map of)/.test(type) || type === 'anything') values.push(['a', 'list'], 'text', 7, true);
  else if (/\bmapping\b|map of/.test(type)) values.push(/list/.test(type) ? ODD[0] : [['a list']]);
  else values.push(...ODD);
  if (!has('text') && !type.includes('list')) values.push('no such thing');
  if (type === 'whole number') values.push(1.5, '1.5.1', true);
  if (type === 'true or false') values.push('maybe', 3);
  if (type === 'duration') values.push('soon', '5 parsecs', true);
  if (type === 'text' && allowed?.includes(', ')) values.push('surprise-value', '');
  return fc.constantFrom(...values);
}

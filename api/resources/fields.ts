/**
 * Owns: walking a zod schema by field path: which fields exist where.
 * Never: validates, or knows one kind.
 */
import { z } from 'zod';

type Path = readonly (string | number)[];

/** The object, array, record or union below optional, default and the like. */
function bare(schema: unknown): unknown {
  let inner = schema;
  while (
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable
  )
    inner = inner.unwrap();
  return inner;
}

function children(schema: unknown, part: string | number): unknown[] {
  const inner = bare(schema);
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((option) => children(option, part));
  if (inner instanceof z.ZodObject) return Object.hasOwn(inner.shape, part) ? [inner.shape[part]] : [];
  if (inner instanceof z.ZodArray) return [inner.element];
  if (inner instanceof z.ZodRecord) return [inner.valueType];
  return [];
}

function shapes(schema: unknown): Readonly<Record<string, unknown>>[] {
  const inner = bare(schema);
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((option) => shapes(option));
  return inner instanceof z.ZodObject ? [inner.shape] : [];
}

/** Names of the fields a mapping at `path` may have; empty for anything that is not a mapping with fixed fields. */
export function fieldNamesAt(schema: z.ZodType, path: Path): string[] {
  const here = path.reduce<unknown[]>((at, part) => at.flatMap((one) => children(one, part)), [schema]);
  return [...new Set(here.flatMap(shapes).flatMap((shape) => Object.keys(shape)))];
}

/** Paths of the mappings that have a field of this name. */
export function homesOf(schema: z.ZodType, name: string): Path[] {
  const found: Path[] = [];
  const visit = (node: unknown, path: Path) => {
    for (const shape of shapes(node)) {
      if (Object.hasOwn(shape, name) && path.length > 0) found.push(path);
      for (const [key, child] of Object.entries(shape)) visit(child, [...path, key]);
    }
  };
  visit(schema, []);
  return found;
}

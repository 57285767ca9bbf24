/**
 * Owns: reading single fields of what a server sent, by hand and not by a schema: a schema library would be loaded whenever
 * anything is listed.
 * Never: throws.
 */
export const field = (value: unknown, name: string): unknown =>
  value !== null && typeof value === 'object' ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;

export const numberIn = (value: unknown, name: string): number | undefined => {
  const found = field(value, name);
  return typeof found === 'number' ? found : undefined;
};

export const textIn = (value: unknown, name: string): string | undefined => {
  const found = field(value, name);
  return typeof found === 'string' ? found : undefined;
};

export const flagIn = (value: unknown, name: string): boolean => field(value, name) === true;

export const listIn = (value: unknown, name: string): readonly unknown[] => {
  const found = field(value, name);
  return Array.isArray(found) ? found : [];
};

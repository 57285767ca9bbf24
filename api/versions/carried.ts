/**
 * Owns: the annotation in which a converted manifest carries what sac/v1 has no words for.
 * Never: interprets what it carries.
 */
import { z } from 'zod';
import { GENERATIONS, OLD_API_VERSIONS } from './generation.ts';
import { at, isJson, isMap, type JsonMap } from './json.ts';

export const CONVERTED_FROM = 'sac/converted-from';

const carriedSchema = z.object({
  apiVersion: z.enum(OLD_API_VERSIONS),
  generation: z.enum(GENERATIONS),
  /** The old document less what the sac/v1 form says exactly. */
  rest: z.custom<JsonMap>((value) => isJson(value) && isMap(value)),
  /** Old fields that were not written, although the sac/v1 form would be written back as one. */
  absent: z.array(z.string()),
});
export type Carried = z.infer<typeof carriedSchema>;

const NOTHING: Carried = { apiVersion: OLD_API_VERSIONS[0], generation: 'v3a', rest: {}, absent: [] };

export const writeCarried = (carried: Carried): string => JSON.stringify(carried);

/** What a manifest carries; nothing for one that never was old, or whose annotation was damaged. */
export function readCarried(manifest: JsonMap): Carried {
  const annotations = at(manifest, 'metadata.annotations');
  const text = isMap(annotations) ? annotations[CONVERTED_FROM] : undefined;
  if (typeof text !== 'string') return NOTHING;
  try {
    return carriedSchema.safeParse(JSON.parse(text)).data ?? NOTHING;
  } catch {
    return NOTHING;
  }
}

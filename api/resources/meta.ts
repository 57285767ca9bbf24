/**
 * Owns: what every resource has: kind, metadata, conditions.
 * Never: knows one kind's spec.
 */
import { z } from 'zod';
import type { ConditionType } from './conditions.ts';
import { labelsSchema, nameSchema } from './names.ts';

export const API_VERSION = 'sac/v1';

/** Where an intention came from. Only its source may change the fields it declared, or prune it. */
export const sourceSchema = z.object({
  kind: z.enum(['apply', 'directory', 'git']),
  /** Directory path or GitSource name; for `apply` the constant `cli`. */
  name: z.string(),
  /** Path of the manifest below the source, for messages. */
  path: z.string().optional(),
  /** Commit, where the source has commits. */
  revision: z.string().optional(),
});
export type Source = z.infer<typeof sourceSchema>;

/** What a manifest may say in `metadata`. */
export const manifestMetaSchema = z.strictObject({
  name: nameSchema
    .optional()
    .meta({ description: 'Name of the agent; taken from the folder when absent, must match the folder when present.' }),
  labels: labelsSchema
    .optional()
    .meta({ description: 'Labels to select by (-l key=value). Changing them never restarts an agent.' }),
  annotations: z
    .record(z.string(), z.string())
    .optional()
    .meta({ description: 'Free-form notes for people and tools.' }),
});
export type ManifestMeta = z.infer<typeof manifestMetaSchema>;

export interface ObjectMeta {
  readonly name: string;
  /** Stable id: `<fleet>.<name>`. */
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Raised only when the spec changes. */
  readonly generation: number;
  /** Raised on every write; compare-and-swap token, and the position for `watch`. */
  readonly resourceVersion: number;
  readonly creationTimestamp: string;
  /** Set when deletion was asked for; the row stays until nothing of it is left in the world. */
  readonly deletionTimestamp?: string;
  readonly source?: Source;
  /** `sac restart` asked for a new incarnation at this time (ISO 8601). Not part of the spec: no generation. */
  readonly restartRequestedAt?: string;
  readonly restartRequestedBy?: string;
}

/** What sac writes into metadata, and no manifest does. */
export const STORED_METADATA = [
  'id',
  'generation',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
  'source',
  'restartRequestedAt',
  'restartRequestedBy',
] as const satisfies readonly Exclude<keyof ObjectMeta, 'name' | 'labels' | 'annotations'>[];

export type ConditionStatus = 'True' | 'False' | 'Unknown';
export interface Condition {
  readonly type: ConditionType;
  readonly status: ConditionStatus;
  /** CamelCase, for machines. */
  readonly reason: string;
  /** One sentence, for people. */
  readonly message: string;
  /** ISO 8601; changes only when `status` does. */
  readonly lastTransitionTime: string;
}

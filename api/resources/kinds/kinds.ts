/**
 * Owns: what manifests of the kinds besides Agent may say; their names are in kind-names.ts.
 * Their spec is taken whole from the manifest (no field-wise ownership), their status is written by whoever acts on them.
 * Never: knows what a kind does.
 */
import type { z } from 'zod';
import type { ManifestMeta, ObjectMeta } from '../meta.ts';
import { MARK_MESSAGE, marksIn } from '../redact-resource.ts';
import { type BudgetSpec, budgetManifestSchema } from './budget.ts';
import { type GitSourceSpec, gitSourceManifestSchema } from './git-source.ts';
import { type HostSpec, hostManifestSchema } from './host.ts';
import type { ObjectKind } from './kind-names.ts';
import { type NotifierSpec, notifierManifestSchema } from './notifier.ts';
import { type ReservationSpec, reservationManifestSchema } from './reservation.ts';

/** A manifest of such a kind, checked, with defaults. */
export interface ObjectManifest {
  readonly apiVersion: 'sac/v1';
  readonly kind: string;
  readonly metadata: ManifestMeta;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** What was shown without its secrets is not declared: they would be lost. */
const unmarked = <S extends z.ZodType<ObjectManifest>>(schema: S): S =>
  schema.superRefine(({ metadata, spec }, context) => {
    for (const path of marksIn({ metadata, spec }))
      context.addIssue({ code: 'custom', path: [...path], message: MARK_MESSAGE });
  });

/** What a manifest of each kind may say. */
export const OBJECT_MANIFESTS: Readonly<Record<ObjectKind, z.ZodType<ObjectManifest>>> = {
  Host: unmarked(hostManifestSchema),
  GitSource: unmarked(gitSourceManifestSchema),
  Notifier: unmarked(notifierManifestSchema),
  Budget: unmarked(budgetManifestSchema),
  Reservation: unmarked(reservationManifestSchema),
};

export {
  findObjectKind,
  isObjectKind,
  isObjectPlural,
  kindOfPlural,
  OBJECT_KIND_NAMES,
  OBJECT_KINDS,
  OBJECT_PLURALS,
  type ObjectKind,
  type ObjectPlural,
} from './kind-names.ts';

export interface SpecOf {
  readonly Host: HostSpec;
  readonly GitSource: GitSourceSpec;
  readonly Budget: BudgetSpec;
  readonly Reservation: ReservationSpec;
  readonly Notifier: NotifierSpec;
}

/** One declared thing that is no Agent, as it is stored and shown. */
export interface DeclaredObject<K extends ObjectKind = ObjectKind> {
  readonly apiVersion: 'sac/v1';
  readonly kind: K;
  readonly metadata: ObjectMeta;
  readonly spec: SpecOf[K];
  readonly status: Readonly<Record<string, unknown>>;
}

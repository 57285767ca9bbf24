/**
 * Owns: the kinds that manifests can declare besides Agent: one line each in OBJECT_KINDS.
 * Their spec is taken whole from the manifest (no field-wise ownership), their status is written by whoever acts on them.
 * Never: knows what a kind does.
 */
import type { z } from 'zod';
import { type BudgetSpec, budgetManifestSchema } from './budget.ts';
import { type GitSourceSpec, gitSourceManifestSchema } from './git-source.ts';
import { type HostSpec, hostManifestSchema } from './host.ts';
import type { ManifestMeta, ObjectMeta } from './meta.ts';
import { type NotifierSpec, notifierManifestSchema } from './notifier.ts';
import { type ReservationSpec, reservationManifestSchema } from './reservation.ts';

export interface ObjectKindDefinition {
  readonly plural: string;
  readonly singular: string;
  readonly short: readonly string[];
  readonly manifest: z.ZodType<ObjectManifest>;
}

/** A manifest of such a kind, checked, with defaults. */
export interface ObjectManifest {
  readonly apiVersion: 'sac/v1';
  readonly kind: string;
  readonly metadata: ManifestMeta;
  readonly spec: Readonly<Record<string, unknown>>;
}

export const OBJECT_KINDS = {
  Host: { plural: 'hosts', singular: 'host', short: ['ho'], manifest: hostManifestSchema },
  GitSource: {
    plural: 'gitsources',
    singular: 'gitsource',
    short: ['gs', 'source', 'sources'],
    manifest: gitSourceManifestSchema,
  },
  Notifier: { plural: 'notifiers', singular: 'notifier', short: ['no'], manifest: notifierManifestSchema },
  Budget: { plural: 'budgets', singular: 'budget', short: ['bu'], manifest: budgetManifestSchema },
  Reservation: {
    plural: 'reservations',
    singular: 'reservation',
    short: ['rsv', 'pool', 'pools'],
    manifest: reservationManifestSchema,
  },
} as const satisfies Readonly<Record<string, ObjectKindDefinition>>;

export type ObjectKind = keyof typeof OBJECT_KINDS;
export type ObjectPlural = (typeof OBJECT_KINDS)[ObjectKind]['plural'];

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

export const OBJECT_KIND_NAMES = Object.keys(OBJECT_KINDS) as readonly ObjectKind[];
export const OBJECT_PLURALS: readonly ObjectPlural[] = OBJECT_KIND_NAMES.map((kind) => OBJECT_KINDS[kind].plural);
export const isObjectKind = (kind: unknown): kind is ObjectKind =>
  typeof kind === 'string' && Object.hasOwn(OBJECT_KINDS, kind);
export const isObjectPlural = (plural: string): plural is ObjectPlural =>
  OBJECT_PLURALS.some((known) => known === plural);
export const kindOfPlural = (plural: string): ObjectKind | undefined =>
  OBJECT_KIND_NAMES.find((kind) => OBJECT_KINDS[kind].plural === plural);
/** `Host`, `host`, `hosts`, `ho`. */
export const findObjectKind = (word: string): ObjectKind | undefined => {
  const asked = word.toLowerCase();
  return OBJECT_KIND_NAMES.find((kind) => {
    const { plural, singular, short } = OBJECT_KINDS[kind];
    return plural === asked || singular === asked || (short as readonly string[]).includes(asked);
  });
};

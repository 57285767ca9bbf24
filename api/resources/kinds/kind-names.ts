/**
 * Owns: the names of the kinds that manifests can declare besides Agent: one line each.
 * Never: imports a schema: the command line needs the names at every start, and the schemas only to read manifests.
 */
export interface ObjectKindNames {
  readonly plural: string;
  readonly singular: string;
  readonly short: readonly string[];
}

export const OBJECT_KINDS = {
  Host: { plural: 'hosts', singular: 'host', short: ['ho'] },
  GitSource: { plural: 'gitsources', singular: 'gitsource', short: ['gs', 'source', 'sources'] },
  Notifier: { plural: 'notifiers', singular: 'notifier', short: ['no'] },
  Budget: { plural: 'budgets', singular: 'budget', short: ['bu'] },
  Reservation: { plural: 'reservations', singular: 'reservation', short: ['rsv', 'pool', 'pools'] },
} as const satisfies Readonly<Record<string, ObjectKindNames>>;

export type ObjectKind = keyof typeof OBJECT_KINDS;
export type ObjectPlural = (typeof OBJECT_KINDS)[ObjectKind]['plural'];

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

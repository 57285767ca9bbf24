/**
 * Owns: which resources a list or watch asks for: label and field selectors, with fields that the kind has.
 * Never: reads resources.
 */
import type { AnyResource, ListQuery, Plural } from '../protocol.ts';
import { BadRequestError } from '../resources/errors.ts';
import { didYouMean } from '../resources/issues.ts';
import { fieldSelectorPaths, parseFieldSelector, parseLabelSelector } from '../resources/selectors.ts';

const COMMON = ['apiVersion', 'kind', 'metadata'];
/** Fields at the top of each kind; below them anything may be asked for: it may be absent. */
const FIELDS: Readonly<Record<Plural, readonly string[]>> = {
  agents: [...COMMON, 'spec', 'status'],
  instances: [...COMMON, 'spec', 'status'],
  hosts: [...COMMON, 'spec', 'status'],
  gitsources: [...COMMON, 'spec', 'status'],
  notifiers: [...COMMON, 'spec', 'status'],
  budgets: [...COMMON, 'spec', 'status'],
  reservations: [...COMMON, 'spec', 'status'],
  events: [...COMMON, 'type', 'reason', 'message', 'count', 'firstSeen', 'lastSeen', 'regarding'],
};

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** Undefined: everything. Throws BadRequestError naming the part that is not understood. */
export function selectionOf(
  plural: Plural,
  { labelSelector = '', fieldSelector = '' }: Optional<ListQuery>,
): ((resource: AnyResource) => boolean) | undefined {
  if (labelSelector === '' && fieldSelector === '') return undefined;
  const byLabels = labelSelector === '' ? () => true : parseLabelSelector(labelSelector);
  const byFields = fieldSelector === '' ? () => true : parseFieldSelector(fieldSelector);
  if (fieldSelector !== '') for (const path of fieldSelectorPaths(fieldSelector)) assertField(plural, path);
  return (resource) => byLabels('labels' in resource.metadata ? resource.metadata.labels : {}) && byFields(resource);
}

function assertField(plural: Plural, path: string): void {
  const known = FIELDS[plural];
  const [top = ''] = path.split('.');
  if (known.includes(top)) return;
  const usual = [
    'metadata.name',
    ...(known.includes('status') ? ['status.phase', 'status.ready'] : ['regarding.name']),
  ];
  const meant = usual.find((field) => field.endsWith(`.${top}`));
  const hint = meant === undefined ? didYouMean(top, known) : ` (did you mean "${meant}"?)`;
  throw new BadRequestError(
    `field selector "${path}": ${plural} have no field "${top}"${hint}; known: ${known.join(', ')}`,
  );
}

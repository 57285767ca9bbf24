/**
 * Owns: the parts of a `describe` page: keys and values, nested fields, conditions, what happened.
 * Never: prints.
 */

import type { EventObject } from '../../api/resources/event.ts';
import { age } from '../../api/tables/age.ts';
import { table } from './table.ts';
import { oneLine, stripControls } from './terminal.ts';
import { toYaml } from './yaml.ts';

export interface ConditionRow {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

const SHOWN_EVENTS = 20;

/** `Name:     web` */
export function keyed(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([key]) => key.length)) + 2;
  return rows.map(([key, value]) => `${`${key}:`.padEnd(width)} ${oneLine(value)}`);
}

/** As YAML below its title; nothing at all is `<none>`. */
export function nested(title: string, value: Readonly<Record<string, unknown>>): readonly string[] {
  if (Object.keys(value).length === 0) return [`${title}: <none>`];
  const lines = stripControls(toYaml(value)).trimEnd().split('\n');
  return [`${title}:`, ...lines.map((line) => `  ${line}`)];
}

export const conditionsPart = (conditions: readonly ConditionRow[], now: number): readonly string[] => [
  'Conditions:',
  table(
    ['  TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'],
    conditions.map(({ type, status, reason, lastTransitionTime, message }) => [
      `  ${type}`,
      status,
      reason,
      age(lastTransitionTime, now),
      message,
    ]),
  ).trimEnd(),
];

/** The newest that regard this, oldest first. */
export function eventsPart(events: readonly EventObject[], kind: string, name: string, now: number): readonly string[] {
  const mine = events
    .filter(({ regarding }) => regarding.kind === kind && regarding.name === name)
    .sort((a, b) => (a.lastSeen < b.lastSeen ? -1 : 1))
    .slice(-SHOWN_EVENTS);
  if (mine.length === 0) return ['Events: <none>'];
  const rows = mine.map(({ lastSeen, type, reason, count, message }) => [
    `  ${age(lastSeen, now)}`,
    type,
    reason,
    String(count),
    message,
  ]);
  return ['Events:', table(['  AGE', 'TYPE', 'REASON', 'COUNT', 'MESSAGE'], rows).trimEnd()];
}

export const pairs = (map: Readonly<Record<string, string>>): string =>
  Object.entries(map)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ') || '<none>';

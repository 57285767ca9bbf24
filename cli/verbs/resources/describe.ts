/**
 * Owns: `sac describe`: everything about a resource on one screen.
 * Never: shows values of env, or secrets in what else an agent declares.
 */

import type { AnyResource } from '../../../api/protocol.ts';
import type { Agent } from '../../../api/resources/agent/agent.ts';
import { EXIT } from '../../../api/resources/errors.ts';
import type { EventObject } from '../../../api/resources/event.ts';
import { redactSpec } from '../../../api/resources/redact.ts';
import { age } from '../../../api/tables/age.ts';
import { parseResources } from '../../client/resources.ts';
import { type ConditionRow, conditionsPart, eventsPart, keyed, nested, pairs } from '../../output/page.ts';
import { table } from '../../output/table.ts';
import { stripControls } from '../../output/terminal.ts';
import { toYaml } from '../../output/yaml.ts';
import { type Run, text } from '../../verb.ts';
import { fetchItems, tellMissing } from './get.ts';

export const run: Run = async (args, options, context) => {
  const client = await context.client();
  const selector = text(options, 'selector');
  const events = (await client.list('events')).items;
  const now = Date.now();
  let code: number = EXIT.done;
  const pages: string[] = [];
  for (const named of parseResources(args, 'agents')) {
    const { items, missing } = await fetchItems(
      client,
      named,
      selector === undefined ? {} : { labelSelector: selector },
    );
    tellMissing(named.plural, missing, context);
    if (missing.length > 0) code = EXIT.notFound;
    for (const item of items) pages.push(pageOf(item, events, now));
  }
  context.out.write(pages.join('\n'));
  return code;
};

export function describeAgent(agent: Agent, events: readonly EventObject[], now: number): string {
  const { metadata, spec, status } = agent;
  const { env, ...shown } = spec;
  const lines: [string, string][] = [
    ['Name', metadata.name],
    ['Labels', pairs(metadata.labels)],
    ['Annotations', pairs(metadata.annotations)],
    ['Source', metadata.source ? sourceText(metadata.source) : '<none>'],
    ['Created', `${metadata.creationTimestamp} (${age(metadata.creationTimestamp, now)} ago)`],
    ...(metadata.deletionTimestamp ? [['Deleting since', metadata.deletionTimestamp] as [string, string]] : []),
    ['Generation', `${metadata.generation} (observed ${status.observedGeneration})`],
    [
      'Status',
      `${status.phase}, ${status.readyInstances} of ${status.desiredInstances} ready, ${status.restarts} restarts`,
    ],
    ...nextTimes(status, spec.schedule?.timeZone),
    ['Environment', Object.keys(env).join(', ') || '<none>'],
  ];
  const instances = table(
    ['  NAME', 'STATUS', 'PLACE', 'PID', 'STARTED', 'LAST-EXIT'],
    status.instances.map(({ name, phase, host, runtime, pid, startedAt, lastExit }) => [
      `  ${name}`,
      phase,
      runtime === '' ? '<none>' : `${host}/${runtime}`,
      String(pid ?? '<none>'),
      startedAt ? `${age(startedAt, now)} ago` : '<none>',
      exitText(lastExit, now),
    ]),
  );
  return [
    ...keyed(lines),
    ...nested('Spec', redactSpec(shown)),
    ...conditionsPart(status.conditions, now),
    'Instances:',
    instances.trimEnd(),
    ...eventsPart(events, 'Agent', metadata.name, now),
    '',
  ].join('\n');
}

type Described = Exclude<AnyResource, EventObject | Agent>;

/** Hosts, sources, instances, ...: what is declared, what is known of it, what happened. */
function describeOther(
  { kind, metadata, spec, status }: Described,
  events: readonly EventObject[],
  now: number,
): string {
  const { conditions: told, ...known }: Readonly<Record<string, unknown>> = { ...status };
  const conditions: readonly ConditionRow[] = Array.isArray(told) ? told : [];
  return [
    ...keyed([
      ['Name', metadata.name],
      ['Kind', kind],
      ...('labels' in metadata ? [['Labels', pairs(metadata.labels)] as const] : []),
      ...('source' in metadata && metadata.source ? [['Source', sourceText(metadata.source)] as const] : []),
      ['Created', `${metadata.creationTimestamp} (${age(metadata.creationTimestamp, now)} ago)`],
    ]),
    ...nested('Spec', { ...spec }),
    ...nested('Status', known),
    ...(conditions.length > 0 ? conditionsPart(conditions, now) : []),
    ...eventsPart(events, kind, metadata.name, now),
    '',
  ].join('\n');
}

function pageOf(item: AnyResource, events: readonly EventObject[], now: number): string {
  switch (item.kind) {
    case 'Agent':
      return describeAgent(item, events, now);
    case 'Event':
      return stripControls(toYaml(item));
    default:
      return describeOther(item, events, now);
  }
}

const sourceText = ({ kind, name, revision }: NonNullable<Agent['metadata']['source']>): string =>
  `${kind} ${name}${revision === undefined ? '' : ` at ${revision}`}`;

const nextTimes = ({ nextStart, nextStop }: Agent['status'], zone = 'UTC'): [string, string][] => [
  ...(nextStart === undefined ? [] : [['Next start', inZone(nextStart, zone)] as [string, string]]),
  ...(nextStop === undefined ? [] : [['Next stop', inZone(nextStop, zone)] as [string, string]]),
];

/** The schedule was written in a zone's own time: whoever checks it wants to read it there. */
function inZone(iso: string, timeZone: string): string {
  if (timeZone === 'UTC') return iso;
  const there = new Date(iso).toLocaleString('sv-SE', { timeZone, timeZoneName: 'longOffset' });
  return `${iso} (${there}, ${timeZone})`;
}

const exitText = (exit: Agent['status']['instances'][number]['lastExit'], now: number): string =>
  exit
    ? `${exit.reason} ${exit.signal ?? (exit.code === undefined ? '' : `code ${exit.code}`)} ${age(exit.at, now)} ago`
    : '<none>';

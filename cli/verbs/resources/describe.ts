/**
 * Owns: `sac describe`: everything about an agent on one screen.
 * Never: shows values of env: they may be secrets.
 */
import type { Agent } from '../../../api/resources/agent/agent.ts';
import { EXIT } from '../../../api/resources/errors.ts';
import type { EventObject } from '../../../api/resources/event.ts';
import { parseResources } from '../../client/resources.ts';
import { age, table } from '../../output/table.ts';
import { oneLine, stripControls } from '../../output/terminal.ts';
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
    for (const item of items)
      pages.push(item.kind === 'Agent' ? describeAgent(item, events, now) : stripControls(toYaml(item)));
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
    ...nextTimes(status),
    ['Environment', Object.keys(env).join(', ') || '<none>'],
  ];
  const conditions = table(
    ['  TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'],
    status.conditions.map(({ type, status: is, reason, lastTransitionTime, message }) => [
      `  ${type}`,
      is,
      reason,
      age(lastTransitionTime, now),
      message,
    ]),
  );
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
  const mine = events
    .filter(({ regarding }) => regarding.kind === 'Agent' && regarding.name === metadata.name)
    .sort((a, b) => (a.lastSeen < b.lastSeen ? -1 : 1))
    .slice(-20);
  const happened = table(
    ['  AGE', 'TYPE', 'REASON', 'COUNT', 'MESSAGE'],
    mine.map(({ lastSeen, type, reason, count, message }) => [
      `  ${age(lastSeen, now)}`,
      type,
      reason,
      String(count),
      message,
    ]),
  );
  const width = Math.max(...lines.map(([key]) => key.length)) + 2;
  return [
    ...lines.map(([key, value]) => `${`${key}:`.padEnd(width)} ${oneLine(value)}`),
    'Spec:',
    ...stripControls(toYaml(shown))
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
    'Conditions:',
    conditions.trimEnd(),
    'Instances:',
    instances.trimEnd(),
    mine.length > 0 ? `Events:\n${happened.trimEnd()}` : 'Events: <none>',
    '',
  ].join('\n');
}

const sourceText = ({ kind, name, revision }: NonNullable<Agent['metadata']['source']>): string =>
  `${kind} ${name}${revision === undefined ? '' : ` at ${revision}`}`;

const nextTimes = ({ nextStart, nextStop }: Agent['status']): [string, string][] => [
  ...(nextStart === undefined ? [] : [['Next start', nextStart] as [string, string]]),
  ...(nextStop === undefined ? [] : [['Next stop', nextStop] as [string, string]]),
];

const pairs = (map: Readonly<Record<string, string>>): string =>
  Object.entries(map)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ') || '<none>';

const exitText = (exit: Agent['status']['instances'][number]['lastExit'], now: number): string =>
  exit
    ? `${exit.reason} ${exit.signal ?? (exit.code === undefined ? '' : `code ${exit.code}`)} ${age(exit.at, now)} ago`
    : '<none>';

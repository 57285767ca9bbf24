/**
 * Owns: an agent's present state in a few lines: what `status` shows, and the head of `inspect`.
 * Never: shows its spec; that is `describe`.
 */

import type { Agent, InstanceStatus, LastExit } from '../../../api/resources/agent/agent.ts';
import { WELL_WHEN_FALSE } from '../../../api/resources/conditions.ts';
import { age } from '../../../api/tables/age.ts';
import { table } from '../../output/table.ts';
import { oneLine } from '../../output/terminal.ts';

/** `now`: milliseconds since 1970. Ends with a newline. */
export function summarize(agent: Agent, now: number): string {
  const { metadata, spec, status } = agent;
  const lines: readonly (readonly [string, string])[] = [
    ['Name', metadata.name],
    ['Status', statusText(agent)],
    ['Ready', `${status.readyInstances} of ${status.desiredInstances}`],
    ['Activity', status.activity],
    ['Restarts', String(status.restarts)],
    ['Profile', spec.profile ?? (spec.command ? 'exec' : 'claude-code')],
    ['Source', metadata.source ? `${metadata.source.kind} ${metadata.source.name}` : '<none>'],
    ['Generation', `${metadata.generation} (observed ${status.observedGeneration})`],
    ...wanting(agent).map((text): readonly [string, string] => ['Condition', text]),
  ];
  const width = Math.max(...lines.map(([key]) => key.length)) + 2;
  const head = lines.map(([key, value]) => `${`${key}:`.padEnd(width)}${oneLine(value)}\n`).join('');
  return status.instances.length === 0 ? head : `${head}Instances:\n${instanceTable(status.instances, now)}`;
}

function statusText({ metadata, spec, status }: Agent): string {
  if (metadata.deletionTimestamp !== undefined) return `${status.phase}, being deleted`;
  const [hold] = status.held ?? [];
  if (hold) return `${status.phase}, held by ${hold.by}: ${hold.reason}`;
  return spec.suspend ? `${status.phase}, stopped by \`sac stop\` or spec.suspend` : status.phase;
}

/** Conditions that are not as they should be. */
function wanting({ status }: Agent): readonly string[] {
  return status.conditions
    .filter(({ type, status: is }) => (WELL_WHEN_FALSE.has(type) ? is === 'True' : is === 'False'))
    .map(({ type, status: is, reason, message }) => `${type}=${is} ${reason}: ${message}`);
}

const instanceTable = (instances: readonly InstanceStatus[], now: number): string =>
  table(
    ['  NAME', 'STATUS', 'READY', 'PLACE', 'PID', 'STARTED', 'RESTARTS', 'LAST-EXIT'],
    instances.map(({ name, phase, ready, host, runtime, pid, startedAt, restarts, lastExit }) => [
      `  ${name}`,
      phase,
      String(ready),
      runtime === '' ? '<none>' : `${host}/${runtime}`,
      String(pid ?? '<none>'),
      startedAt === undefined ? '<none>' : `${age(startedAt, now)} ago`,
      String(restarts),
      exitText(lastExit, now),
    ]),
  );

function exitText(exit: LastExit | undefined, now: number): string {
  if (exit === undefined) return '<none>';
  const how = exit.signal ?? (exit.code === undefined ? '' : `code ${exit.code}`);
  return [exit.reason, how, `${age(exit.at, now)} ago`].filter((part) => part !== '').join(' ');
}

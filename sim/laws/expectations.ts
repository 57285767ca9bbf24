/**
 * Owns: what the world must look like at rest, worked out from the declarations alone.
 * Never: asks the machine's memory what it thinks; only the final phase is compared with the truth.
 */
import type { AgentSpec } from '../../api/resources/agent/agent.ts';
import { type InstanceId, instanceId, instanceNameOf } from '../../api/resources/names.ts';
import type { AgentRecord } from '../../controller/store/store.ts';
import { FLEET, type Stage } from '../world/stage.ts';

export interface Slot {
  readonly agent: string;
  readonly spec: AgentSpec;
}

/** Instance ids that the declarations ask for. The scenarios name no `hosts` list, so slots are replicas. */
export function slotsOf(declared: ReadonlyMap<string, AgentSpec | undefined>): ReadonlyMap<InstanceId, Slot> {
  const slots = new Map<InstanceId, Slot>();
  for (const [agent, spec] of declared) {
    if (!spec) continue;
    for (let n = 0; n < spec.replicas; n++)
      slots.set(instanceId(FLEET, n === 0 ? agent : `${agent}-${n}`), { agent, spec });
  }
  return slots;
}

export function checkAtRest(stage: Stage, orphansAllowed: boolean): readonly string[] {
  const { world, disk, door } = stage;
  const problems: string[] = [];
  const slots = slotsOf(door.declared);
  for (const [id, { agent, spec }] of slots)
    problems.push(
      ...checkSlot(stage, id, spec, isHeld(disk.agents.get(agent)?.record)).map(
        (problem) => `(1) ${instanceNameOf(id)}: ${problem}`,
      ),
    );
  for (const { id, place, ended } of world.all()) {
    if (!slots.has(id) && !orphansAllowed)
      problems.push(`(1) ${id} is wanted by nobody and still ${ended ? 'lies' : 'lives'} in ${place}`);
  }
  for (const name of disk.agents.keys())
    if (!door.declared.get(name)) problems.push(`(1) agent ${name} was deleted and is still stored`);
  for (const id of disk.instances.keys())
    if (!slots.has(id)) problems.push(`(1) ${id} is wanted by nobody and still remembered`);
  return problems;
}

/** What was halted or undone is not what is declared; rollouts.ts says how far it may have come. */
const isHeld = (record: AgentRecord | undefined): boolean =>
  record?.rollout !== undefined || record?.rejected !== undefined;

function checkSlot({ world, disk }: Stage, id: InstanceId, spec: AgentSpec, held: boolean): readonly string[] {
  const living = world.living(id);
  const phase = disk.instances.get(id)?.record.snapshot.phase;
  if (!phase) return ['nothing is remembered of it'];
  if (disk.instances.get(id)?.record.unknown) return ['still shown as unknown'];
  if (spec.suspend)
    return [
      ...(living.length > 0 ? ['lives although it is suspended'] : []),
      ...(phase === 'Stopped' ? [] : [`is ${phase}, not Stopped`]),
    ];
  const [thing] = living;
  if (!thing) {
    // Whether it may rest dead is for the restart policy to say: see restarts.ts.
    return phase === 'Succeeded' || phase === 'Failed' ? [] : [`is ${phase} and does not live`];
  }
  if (phase !== 'Running') return [`lives and is taken for ${phase}`];
  if (disk.instances.get(id)?.record.snapshot.memory.readySince === undefined) return ['lives and never became ready'];
  if (held || spec.update.strategy === 'OnDelete') return [];
  const argv = spec.command ?? [];
  if (argv.join(' ') !== thing.launch.argv.join(' '))
    return [`runs ${thing.launch.argv.join(' ')}, declared is ${argv.join(' ')}`];
  for (const [key, value] of Object.entries(spec.env))
    if (thing.launch.env[key] !== value) return [`runs with ${key}=${thing.launch.env[key]}, declared is ${value}`];
  const wanted =
    spec.place.host === 'hostb' ? 'hostb/tmux' : spec.place.runtime === 'process' ? 'local/process' : 'local/tmux';
  // `auto` stays where it was.
  if (
    thing.place !== wanted &&
    !(spec.place.runtime === 'auto' && spec.place.host === undefined && thing.place === 'local/process')
  )
    return [`lives in ${thing.place}, declared is ${wanted}`];
  return [];
}

/** In words that do not depend on time. */
export function finalStates({ world, disk }: Stage): ReadonlyMap<string, string> {
  const finals = new Map<string, string>();
  for (const [id, { record }] of disk.instances) {
    const { phase, memory } = record.snapshot;
    const things = world.all().filter((thing) => thing.id === id);
    const told = things.map(
      ({ place, launch, ended }) =>
        `${ended ? `corpse(${JSON.stringify(ended.exit)})` : 'lives'} in ${place} as ${launch.argv.join(' ')} ${launch.launchHash}`,
    );
    finals.set(id, [phase, memory.finalReason ?? '', ...told.sort()].join('; '));
  }
  return finals;
}

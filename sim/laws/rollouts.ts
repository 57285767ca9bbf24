/**
 * Owns: scenarios of changes that go from instance to instance, and property 7: at most maxUnavailable are down through our
 * own doing, and what does not live long reaches no more of them than were begun before it was seen to die. Both are worked out
 * from what was signalled and started in the world.
 * Never: asks a controller how far it thinks it is.
 */
import type { AgentSpecInput } from '../../api/resources/agent/agent.ts';
import { unavailableLimit } from '../../api/resources/agent/update.ts';
import { type InstanceId, instanceNameOf } from '../../api/resources/names.ts';
import type { DurationMs } from '../../api/resources/time.ts';
import type { PlaceKey } from '../../controller/plan/desired-instance.ts';
import { mix, Random } from '../random.ts';
import type { Action, Rolling, Scenario, Step } from '../scenario.ts';
import type { Stage } from '../world/stage.ts';
import type { Exit, Life, World } from '../world/world.ts';

export const CREW = 'crew';
/**
 * A launch that ends at once (`bad…`), or after so many milliseconds, ready by then: before it has stood for minHealthyTime
 * (`fades…`) or later (`lasts…`). What is not so named runs until it is asked to leave.
 */
export const isBad = (argv: readonly string[]): boolean => /^(?:bad|fades)/.test(argv[1] ?? '');
const livesFor = (argv: readonly string[]): DurationMs | undefined => {
  const [, ms] = /^(?:fades|lasts)(\d+)/.exec(argv[1] ?? '') ?? [];
  return ms === undefined ? undefined : Number(ms);
};
/** It stays up at last, so that a scenario comes to rest; a change has halted long before. */
const FADES_AT_MOST = 40;

const isCrew = (id: InstanceId): boolean => instanceNameOf(id).startsWith(CREW);

export function makeRolloutScenario(seed: number, places: readonly [PlaceKey, ...PlaceKey[]]): Scenario {
  const random = new Random(mix(seed, 'rollouts'));
  const replicas = random.int(2, 6);
  const maxUnavailable = random.pick([1, 1, 2, '25%', '50%']);
  const minReadySeconds = random.pick([0, 0.3, 1]);
  const healthySeconds = random.pick([1, 2]);
  // What is killed while it lasts gives the others more time.
  const lasting = random.chance(0.2);
  const common: AgentSpecInput = {
    replicas,
    place: { runtime: random.pick(['tmux', 'process'] as const) },
    restart: { policy: 'always', maxRetries: 12, backoff: { initial: '100ms', max: '1s', multiplier: 2 } },
    startup: { minReadySeconds },
    terminationGracePeriodSeconds: 0.5,
    update: {
      strategy: random.pick(['Immediate', 'OnIdle'] as const),
      maxUnavailable,
      minHealthyTime: healthySeconds,
      progressDeadline: '15s',
      onFailure: random.pick(['halt', 'undo', 'undo'] as const),
    },
  };
  const declare = (version: string): Action => ({
    do: 'apply',
    name: CREW,
    spec: { ...common, command: ['run', version] },
  });
  const exits: readonly [Exit, Exit, 'vanish'] = [{ code: 1 }, { signal: 'SIGKILL' }, 'vanish'];
  const steps: Step[] = [{ actions: [declare('v0')], waitMs: undefined }];
  const name = (): string => {
    if (random.chance(0.6)) return 'v';
    if (random.chance(0.4)) return 'bad';
    const readyFor = lasting ? random.int(1_000, 2_500) * healthySeconds : random.int(5, 950) * healthySeconds;
    return `${lasting ? 'lasts' : 'fades'}${minReadySeconds * 1_000 + readyFor}-`;
  };
  for (let n = random.int(1, 4); n > 0; n--) {
    const version = `${name()}${n}`;
    const deaths = Array.from(
      { length: lasting ? 0 : random.int(0, 2) },
      (): Action => ({
        do: 'die',
        name: CREW,
        nth: random.int(0, replicas - 1),
        exit: random.pick<Exit | 'vanish'>(exits),
      }),
    );
    const wipe: readonly Action[] = !lasting && random.chance(0.1) ? [{ do: 'wipe', place: random.pick(places) }] : [];
    const actions = random.chance(0.5)
      ? [declare(version), ...deaths, ...wipe]
      : [...deaths, ...wipe, declare(version)];
    steps.push({ actions, waitMs: random.pick([0, 20, 300, 2_000, 8_000, undefined]) });
  }
  const limit = unavailableLimit(maxUnavailable, replicas);
  const reach = (argv: readonly string[]): number => {
    const life = livesFor(argv);
    if (life === undefined) return isBad(argv) ? limit : replicas;
    return limit * (1 + Math.floor((life / 1_000 - minReadySeconds) / healthySeconds));
  };
  return { seed, steps, foreign: [], rollout: { limit, reach } };
}

/** How what is started there lives, by what it is. */
export function crewLife(seed: number): (id: InstanceId, ordinal: number, argv: readonly string[]) => Life {
  const faded = new Map<string, number>();
  return (id, ordinal, argv) => {
    const random = new Random(mix(seed, `${id}#${ordinal}`));
    const key = `${id} ${argv.join(' ')}`;
    const times = (faded.get(key) ?? 0) + 1;
    faded.set(key, times);
    const fades = times > FADES_AT_MOST ? undefined : livesFor(argv);
    const endsAfterMs = livesFor(argv) === undefined && isBad(argv) ? random.int(5, 200) : fades;
    return {
      ...(endsAfterMs !== undefined && { endsAfterMs }),
      exit: { code: 1 },
      leavesAfterMs: random.int(2, 300),
      killedAfterMs: random.int(1, 20),
    };
  };
}

/** Counts, at every order that reaches the world, who is down because of us. */
export function watchRollout(world: World, { limit, reach }: Rolling, knows: () => boolean): readonly string[] {
  const problems: string[] = [];
  const down = new Set<InstanceId>();
  /** A bad start is a step down only from something that was good. */
  const good = new Set<InstanceId>();
  const tried = new Map<string, Set<InstanceId>>();
  const note = (id: InstanceId, argv: readonly string[]): void => {
    const ids = tried.get(argv.join(' ')) ?? new Set();
    tried.set(argv.join(' '), ids);
    if (ids.has(id)) return;
    ids.add(id);
    const most = reach?.(argv) ?? Number.POSITIVE_INFINITY;
    if (ids.size > most && knows())
      problems.push(`(7) ${argv.join(' ')} reached ${ids.size} instances, at most ${most} may`);
  };
  world.onOrder = (order, { id, launch, ended }) => {
    if (!isCrew(id)) return;
    if (order === 'start') note(id, launch.argv);
    const before = down.size;
    if (order === 'start' && !isBad(launch.argv)) {
      good.add(id);
      down.delete(id);
    }
    // Without the database nobody knows what else could be started.
    else if (order === 'start' && knows() && good.has(id)) down.add(id);
    else if (order === 'signal' && !ended && !isBad(launch.argv)) down.add(id);
    if (down.size > limit && down.size > before)
      problems.push(
        `(7) ${down.size} are down through our own doing, at most ${limit} may be: ${[...down].map(instanceNameOf).join(', ')}`,
      );
  };
  return problems;
}

/** What came of it: a good change reached all, a bad one at most as many as may be down. */
export function checkRollout({ world, disk, door }: Stage, limit: number, knows: boolean): readonly string[] {
  const record = disk.agents.get(CREW)?.record;
  const wanted = door.declared.get(CREW);
  // Whether what lasts for a while gets through is a matter of how many there are.
  if (!record || !wanted?.command || wanted.command[1]?.startsWith('lasts')) return [];
  const latest = [...world.runs].flatMap(([id, runs]) => (isCrew(id) ? (runs.at(-1) ?? []) : []));
  const living = world.all().filter(({ id, ended }) => isCrew(id) && !ended);
  if (!isBad(wanted.command)) {
    const others = living.filter(({ launch }) => launch.argv.join(' ') !== wanted.command?.join(' '));
    return [
      ...(record.rollout ? [`(7) a good change has not got through: ${JSON.stringify(record.rollout)}`] : []),
      ...others.map(
        ({ id, launch }) => `(7) ${id} runs ${launch.argv.join(' ')}, declared is ${wanted.command?.join(' ')}`,
      ),
    ];
  }
  const up = living.filter(({ launch }) => !isBad(launch.argv)).length;
  // There is nothing to fall back on before something good was declared.
  if (
    !knows ||
    !door.log.some(({ name, spec }) => name === CREW && spec?.command?.[1] !== undefined && !isBad(spec.command))
  )
    return [];
  if (latest.length - up > limit) return [`(7) only ${up} of ${latest.length} live, at most ${limit} may be down`];
  if (record.spec.update.onFailure === 'undo' && record.rejected === undefined && record.rollout?.base !== 0)
    return ['(7) a bad change was not undone'];
  return [];
}

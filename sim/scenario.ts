/**
 * Owns: what happens in one simulated run, as data: fleets, edits, deaths by plan; a function of the seed.
 * Never: runs anything. Each action stands alone, so that dropping one leaves a scenario that makes sense.
 */
import type { AgentSpecInput } from '../api/resources/agent/agent.ts';
import type { GitSourceSpec } from '../api/resources/kinds/git-source.ts';
import type { InstanceId } from '../api/resources/names.ts';
import type { DurationMs } from '../api/resources/time.ts';
import type { PlaceKey } from '../controller/plan/desired-instance.ts';
import type { Push } from './git/hub.ts';
import { mix, Random } from './random.ts';
import type { Exit, Foreign, Life } from './world/world.ts';

export type Action =
  | { readonly do: 'apply'; readonly name: string; readonly spec: AgentSpecInput }
  /** Does not pass the schema. */
  | { readonly do: 'apply-invalid'; readonly name: string; readonly spec: unknown }
  | { readonly do: 'delete'; readonly name: string }
  | { readonly do: 'restart'; readonly name: string }
  /** The `nth` living instance of the agent dies. */
  | { readonly do: 'die'; readonly name: string; readonly nth: number; readonly exit: Exit | 'vanish' }
  /** Somebody pushes to the branch that a git source follows. */
  | { readonly do: 'push'; readonly source: string; readonly push: Push }
  /** `sac sync`, asked until it is answered. */
  | { readonly do: 'sync'; readonly source: string; readonly force: boolean }
  /** All that lives in a place vanishes: its server was killed. */
  | { readonly do: 'wipe'; readonly place: PlaceKey };

export interface Step {
  readonly actions: readonly Action[];
  /** Time until the next step; undefined: until nothing moves any more, and past the next resync. */
  readonly waitMs: DurationMs | undefined;
}

export interface Rolling {
  /** So many may be down through our own doing. */
  readonly limit: number;
  /** How many instances may be started as this; absent: it is declared more than once. */
  readonly reach?: (argv: readonly string[]) => number;
}

export interface Scenario {
  readonly seed: number;
  readonly steps: readonly Step[];
  readonly foreign: readonly Foreign[];
  /** One agent whose changes go from instance to instance; so many may be down through that. */
  readonly rollout?: Rolling;
  /** Git sources by name. */
  readonly sources?: Readonly<Record<string, GitSourceSpec>>;
}

const NAMES = ['web', 'webs', 'api', 'db', 'coder', 'web-x'] as const;

/** Calm: every step waits for rest, so runs can be compared count by count. */
export const isCalm = (scenario: Scenario): boolean => scenario.steps.every(({ waitMs }) => waitMs === undefined);

export interface ScenarioOptions {
  readonly places: readonly [PlaceKey, ...PlaceKey[]];
  readonly fleetPrefix: string;
  /** Few agents, few edits, each at rest: to be run again for every effect. */
  readonly brief?: boolean;
}

export function makeScenario(seed: number, { places, fleetPrefix, brief = false }: ScenarioOptions): Scenario {
  const random = new Random(mix(seed, 'scenario'));
  const calm = random.chance(0.7) || brief;
  const names = NAMES.slice(0, brief ? random.int(1, 2) : random.int(1, random.chance(0.3) ? 6 : 3));
  const drafts = new Map<string, AgentSpecInput[]>(names.map((name) => [name, [randomSpec(random)]]));
  const apply = (name: string, spec: AgentSpecInput): Action => {
    drafts.get(name)?.push(spec);
    return { do: 'apply', name, spec };
  };
  const first: Step = {
    actions: [...drafts].flatMap(([name, [spec]]) => (spec ? [{ do: 'apply', name, spec } as const] : [])),
    waitMs: undefined,
  };
  const steps: Step[] = [first];
  for (let n = random.int(1, brief ? 2 : 5); n > 0; n--) {
    const groups = Array.from({ length: random.int(1, 3) }, () => randomActions(random, names, drafts, apply, places));
    if (calm) steps.push(...inTurn(groups));
    else steps.push({ actions: groups.flat(), waitMs: random.pick([0, 1, 20, 300, 3000]) });
  }
  if (!calm) steps[0] = { ...first, waitMs: random.pick([0, 5, 40, 2000]) };
  const foreign: Foreign[] = [
    { session: `${fleetPrefix}.web-foreign`, place: random.pick(places) },
    { session: 'ffffffff.web', place: random.pick(places) },
  ];
  return { seed, steps, foreign };
}

/** What concerns the same agent comes one after the other, each when the last has come to rest; a re-declaration waits by itself. */
function inTurn(groups: readonly (readonly Action[])[]): readonly Step[] {
  const steps: Action[][] = [];
  for (const action of groups.flat()) {
    const last = steps.at(-1);
    const alone = (one: Action) => one.do === 'wipe' || one.do === 'die';
    const follows = (before: Action) => before.do === 'delete' && action.do === 'apply' && before.name === action.name;
    const clashes = (before: Action) =>
      alone(before) ||
      alone(action) ||
      ('name' in before && 'name' in action && before.name === action.name && !follows(before));
    if (last && !last.some(clashes)) last.push(action);
    else steps.push([action]);
  }
  return steps.map((actions) => ({ actions, waitMs: undefined }));
}

function randomActions(
  random: Random,
  names: readonly string[],
  drafts: ReadonlyMap<string, readonly AgentSpecInput[]>,
  apply: (name: string, spec: AgentSpecInput) => Action,
  places: readonly [PlaceKey, ...PlaceKey[]],
): readonly Action[] {
  const name = names[random.int(0, names.length - 1)] ?? 'web';
  const versions = drafts.get(name) ?? [];
  const current = versions.at(-1) ?? {};
  switch (random.int(0, 13)) {
    case 0:
    case 1:
      return [apply(name, { ...current, command: ['run', `v${random.int(1, 1000)}`] })];
    case 2:
      return [apply(name, { ...current, replicas: random.int(0, 3) })];
    case 3:
      return [apply(name, { ...current, suspend: !(current.suspend ?? false) })];
    case 4:
      return [{ do: 'restart', name }];
    case 5:
      return [{ do: 'delete', name }];
    case 6:
      return [{ do: 'delete', name }, apply(name, random.chance(0.5) ? current : randomSpec(random))];
    case 7: {
      const other = randomSpec(random);
      return [apply(name, other), apply(name, current)];
    }
    case 8:
      return [apply(name, randomSpec(random))];
    case 9:
      return [apply(name, { ...current, restart: randomRestart(random) })];
    case 10:
      return [
        { do: 'apply-invalid', name: random.chance(0.8) ? name : 'newcomer', spec: spoil(random, current) },
        ...(random.chance(0.5) ? [apply(name, current)] : []),
      ];
    case 11:
      return [{ do: 'wipe', place: random.pick(places) }];
    default:
      return [
        {
          do: 'die',
          name,
          nth: random.int(0, 2),
          exit: random.pick([
            { code: 0 },
            { code: 1 },
            { code: 137 },
            { signal: 'SIGKILL' },
            { signal: 'SIGSEGV' },
            'vanish',
          ]),
        },
      ];
  }
}

const randomRestart = (random: Random): NonNullable<AgentSpecInput['restart']> => ({
  policy: random.pick(['never', 'on-failure', 'on-failure', 'always', 'always']),
  maxRetries: random.pick([0, 1, 2, 3, 5]),
  backoff: {
    initial: random.pick(['0s', '50ms', '500ms', '2s']),
    max: random.pick(['2s', '5s', '15s']),
    multiplier: random.pick([1, 2, 3]),
  },
});

function randomSpec(random: Random): AgentSpecInput {
  const elsewhere = random.chance(0.2);
  return {
    command: ['run', `v${random.int(1, 1000)}`],
    ...(random.chance(0.3) && { profile: 'claude-code' as const }),
    ...(random.chance(0.2) && { env: { A: String(random.int(0, 9)) } }),
    place: elsewhere ? { host: 'hostb' } : { runtime: random.pick(['auto', 'tmux', 'tmux', 'process']) },
    replicas: random.pick([1, 1, 1, 1, 2, 3, 0]),
    restart: randomRestart(random),
    startup: { minReadySeconds: random.pick([0, 0.3, 1]) },
    update: {
      strategy: random.pick(['OnIdle', 'Immediate', 'Immediate', 'OnDelete']),
      maxWait: random.pick(['1s', '5s']),
      // All at once: rollouts.ts is about the rest.
      maxUnavailable: '100%',
    },
    terminationGracePeriodSeconds: random.pick([0, 0.2, 2]),
  };
}

/** A manifest that a person could have got wrong. */
function spoil(random: Random, spec: AgentSpecInput): unknown {
  const wrong = random.pick<readonly [string, unknown]>([
    ['replicas', -1],
    ['replicas', 'two'],
    ['restart', { policy: 'sometimes' }],
    ['terminationGracePeriodSeconds', '10 parsecs'],
    ['comand', ['typo']],
    ['place', { runtime: 'kubernetes' }],
    ['env', { '1BAD': 'x' }],
    ['command', []],
    ['suspend', 'yes please'],
  ]);
  return { ...spec, [wrong[0]]: wrong[1] };
}

/** How the n-th start of an agent goes. Short lives end long before any retry is forgiven, middling ones long after. */
export const lifeOf =
  (seed: number) =>
  (id: InstanceId, ordinal: number): Life => {
    const random = new Random(mix(seed, `${id}#${ordinal}`));
    const fate = random.next();
    const endsAfterMs = fate < 0.3 ? random.int(5, 900) : fate < 0.36 ? random.int(25_000, 40_000) : undefined;
    const leave = random.next();
    return {
      ...(endsAfterMs !== undefined && { endsAfterMs }),
      exit: random.pick<Exit>([{ code: 0 }, { code: 1 }, { code: 1 }, { code: 2 }, { signal: 'SIGSEGV' }]),
      ...(leave < 0.85 && { leavesAfterMs: leave < 0.7 ? random.int(2, 150) : random.int(150, 3000) }),
      killedAfterMs: random.chance(0.9) ? random.int(1, 20) : 1500,
    };
  };

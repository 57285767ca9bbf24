/**
 * Owns: scenarios of git sources: what is pushed, when, and in which ways a commit is wrong; a function of the seed.
 * Never: says what a sync must make of it; git-laws.ts does.
 */
import type { AgentSpecInput } from '../../api/resources/agent/agent.ts';
import { type GitSourceSpec, gitSourceSpecSchema } from '../../api/resources/kinds/git-source.ts';
import { CREW } from '../laws/rollouts.ts';
import { mix, Random } from '../random.ts';
import type { Action, Scenario, Step } from '../scenario.ts';
import { BROKEN, type Push } from './hub.ts';

export type SourceName = 'north' | 'south';
/** Declared by a folder, not by git: nobody else's to touch. */
const LOCAL = 'local';
const NAMES = ['ant', 'bee', 'cat', 'dog', 'elk'] as const;
const CREW_SIZE = 4;
const ALLOWED = ['ada ssh-ed25519 AAAA'];

/** Longer than what counts as rest, shorter than the time that is let pass at rest. */
const INTERVAL = '5m';

export function makeGitScenario(seed: number, brief: boolean): Scenario {
  const random = new Random(mix(seed, 'git'));
  const rolls = random.chance(0.3);
  const two = !rolls && random.chance(0.4);
  const sources: Record<string, GitSourceSpec> = {
    north: makeSource(random),
    ...(two && { south: makeSource(random) }),
  };
  const calm = brief || random.chance(0.6);
  const waitMs = () => (calm ? undefined : random.pick([0, 10, 60, 150, 2_000, undefined]));
  const steps: Step[] = [];
  // At rest, one after the other: what the second meets is certain.
  const add = (actions: readonly Action[]): void => {
    if (calm) steps.push(...actions.map((action): Step => ({ actions: [action], waitMs: undefined })));
    else steps.push({ actions, waitMs: waitMs() });
  };
  add([
    { do: 'apply', name: LOCAL, spec: plain(random) },
    ...Object.keys(sources).map((source): Action => ({ do: 'push', source, push: makePush(random, rolls, true, 1) })),
  ]);
  for (let n = random.int(1, brief ? 2 : 5); n > 0; n--) {
    const source = two ? random.pick(['north', 'south']) : 'north';
    const actions: Action[] = [];
    if (random.chance(0.85)) {
      const signed = sources[source]?.verify ? SIGNED_WHERE_IT_COUNTS : SIGNED;
      actions.push({ do: 'push', source, push: makePush(random, rolls, false, signed) });
    }
    if (random.chance(0.25)) actions.push({ do: 'sync', source, force: random.chance(0.7) });
    if (random.chance(0.15)) actions.push({ do: 'apply', name: LOCAL, spec: plain(random) });
    add(actions);
  }
  return { seed, steps, foreign: [], sources, ...(rolls && { rollout: { limit: 1 } }) };
}

const makeSource = (random: Random): GitSourceSpec =>
  gitSourceSpecSchema.parse({
    url: 'https://hub/fleet',
    interval: INTERVAL,
    prune: random.chance(0.7),
    maxPrunePercent: random.pick([0, 34, 50, 50, 100]),
    ...(random.chance(0.3) && { verify: { allowedSigners: ALLOWED } }),
  });

/** Share of commits that are signed. */
const SIGNED = 0.85;
const SIGNED_WHERE_IT_COUNTS = 0.5;

function makePush(random: Random, rolls: boolean, first: boolean, signed: number): Push {
  const names: string[] = NAMES.filter(() => random.chance(0.5));
  if (random.chance(0.08)) names.push(LOCAL);
  const files: Record<string, string> = Object.fromEntries(
    names.map((name) => [`${name}.yaml`, manifest(name, plain(random))]),
  );
  if (rolls) files[`${CREW}.yaml`] = manifest(CREW, crew(random, first));
  const wrong = first ? 1 : random.next();
  if (wrong < 0.1) files['zz.yaml'] = BROKEN;
  else if (wrong < 0.17) files['ant.yaml'] = manifest('ant', { ...plain(random), replicas: -1 });
  else if (wrong < 0.22) files['zz.yaml'] = manifest(names[0] ?? 'ant', plain(random));
  else if (wrong < 0.27) for (const path of Object.keys(files)) delete files[path];
  return { files, signed: first || random.chance(signed), forced: !first && random.chance(0.12) };
}

/** JSON is YAML. */
const manifest = (name: string, spec: AgentSpecInput): string =>
  JSON.stringify({ apiVersion: 'sac/v1', kind: 'Agent', metadata: { name }, spec });

/** Few versions, so that a commit often declares what is there already. */
const plain = (random: Random): AgentSpecInput => ({
  command: ['run', `v${random.int(1, 3)}`],
  place: { runtime: random.pick(['tmux', 'process'] as const) },
  restart: { policy: 'on-failure', maxRetries: 2, backoff: { initial: '100ms', max: '1s', multiplier: 2 } },
  update: { strategy: 'Immediate', maxUnavailable: '100%' },
  terminationGracePeriodSeconds: 0.5,
});

const crew = (random: Random, first: boolean): AgentSpecInput => ({
  command: ['run', `${!first && random.chance(0.3) ? 'bad' : 'v'}${random.int(1, 1000)}`],
  replicas: CREW_SIZE,
  place: { runtime: 'tmux' },
  restart: { policy: 'always', maxRetries: 12, backoff: { initial: '100ms', max: '1s', multiplier: 2 } },
  startup: { minReadySeconds: 0.3 },
  update: { strategy: 'Immediate', maxUnavailable: 1, progressDeadline: '15s', onFailure: 'halt' },
  terminationGracePeriodSeconds: 0.5,
});

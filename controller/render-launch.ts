/**
 * Owns: what an agent would be started with, for people: the script its place would get, else program, folder, names of variables.
 * Never: shows the value of a variable, or a secret in a word of the command.
 */
import type { Launch } from '../adapters/runtimes/runtime.ts';
import type { RenderResponse } from '../api/protocol.ts';
import { NotFoundError } from '../api/resources/errors.ts';
import { REDACTED, redact, redactDeep, secretName } from '../api/resources/redact.ts';
import type { Instant } from '../api/resources/time.ts';
import type { Machines } from './places/machines.ts';
import { type DesiredInstance, placeKey } from './plan/desired-instance.ts';
import { type PlanFacts, planAgent } from './plan/plan-instances.ts';
import type { AgentRecord } from './store/store.ts';

export interface RenderOptions {
  readonly agent: AgentRecord;
  readonly instance: string | undefined;
  readonly facts: PlanFacts;
  readonly machines: Machines;
  /** When it was decided to start what runs now; a time to come for the next. */
  readonly incarnation: (desired: DesiredInstance) => Instant;
}

/** A value this short hides more words than it is worth. */
const LONG_ENOUGH = 6;

/** Throws NotFoundError when there is no such instance. */
export function renderLaunch({ agent, instance, facts, machines, incarnation }: RenderOptions): RenderResponse {
  const all = planAgent(agent, facts);
  const wanted = instance ?? agent.name;
  const desired = all.find(({ name }) => name === wanted) ?? (instance === undefined ? all[0] : undefined);
  if (!desired)
    throw new NotFoundError(
      `agent "${agent.name}" has no instance "${wanted}"; it has: ${all.map(({ name }) => name).join(', ') || 'none'}`,
    );
  const { place, launch, name, unplaced } = desired;
  const order: Launch = {
    id: desired.id,
    incarnation: incarnation(desired),
    launchHash: desired.launchHash,
    ...launch,
  };
  const runtime =
    place && machines.get(place.host)?.reached?.places.find((found) => found.place.runtime === place.runtime)?.runtime;
  const hide = hider(launch.env);
  const script = runtime?.render?.(order);
  return {
    instance: name,
    ...(place && { place: placeKey(place) }),
    ...(unplaced !== undefined && { unplaced }),
    launchHash: desired.launchHash,
    argv: hideFlags(launch.argv).map(hide),
    cwd: launch.cwd,
    env: Object.keys(launch.env).sort(),
    envFiles: launch.envFiles,
    preStart: launch.preStart.map(hide),
    postStart: launch.postStart.map(hide),
    ...(desired.session && { session: desired.session.mode }),
    ...(script !== undefined && { script: hide(script) }),
  };
}

/** Takes out the values of variables with secret names wherever they stand, and whatever looks like a secret. */
function hider(env: Readonly<Record<string, string>>): (text: string) => string {
  const secrets = Object.entries(env)
    .filter(([name, value]) => secretName(name) !== 'no' && value.length >= LONG_ENOUGH)
    .map(([, value]) => value);
  return (text) => redact(secrets.reduce((left, secret) => left.replaceAll(secret, REDACTED), text));
}

/** `--token x` in two words. */
function hideFlags(argv: readonly string[]): readonly string[] {
  return argv.map((word, i) => {
    const flag = /^--?([A-Za-z][\w-]*)$/.exec(argv[i - 1] ?? '')?.[1];
    if (flag === undefined || word.startsWith('-')) return word;
    const shown: unknown = redactDeep({ [flag]: word });
    const value = typeof shown === 'object' && shown !== null ? Object.values(shown)[0] : undefined;
    return typeof value === 'string' ? value : word;
  });
}

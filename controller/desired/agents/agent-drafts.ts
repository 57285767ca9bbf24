/**
 * Owns: what an agent's intention is made of: a manifest or a patch checked, merged with what is there, and shown for `diff`.
 * Never: reads or writes the store.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Comparable } from '../../../api/protocol.ts';
import {
  type AgentManifest,
  type AgentManifestInput,
  type AgentSpec,
  agentManifestSchema,
  agentSpecSchema,
} from '../../../api/resources/agent/agent.ts';
import { withoutOldIdle } from '../../../api/resources/agent/place/sections.ts';
import { InvalidError } from '../../../api/resources/errors.ts';
import { check, formatPath } from '../../../api/resources/issues.ts';
import { manifestMetaSchema } from '../../../api/resources/meta.ts';
import type { AgentRecord } from '../../store/store.ts';
import { BY_HAND } from '../ownership.ts';
import { type Tree, threeWayMerge } from '../three-way-merge.ts';
import { fileHashes } from './stored-files.ts';

export interface Draft {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: AgentSpec;
}

export const draftOf = ({ labels, annotations, spec }: AgentRecord): Draft => ({ labels, annotations, spec });

export const comparable = ({ name, labels, annotations, spec, files }: AgentRecord): Comparable => ({
  apiVersion: 'sac/v1',
  kind: 'Agent',
  metadata: { name, labels, annotations },
  spec,
  ...(files && files.length > 0 && { files: fileHashes(files) }),
});

type Declared = AgentRecord['lastApplied'];

export const declaredIn = (input: AgentManifestInput, lines?: Declared['lines']): Declared => ({
  ...(lines && { lines }),
  ...(input.metadata?.labels && { labels: input.metadata.labels }),
  ...(input.metadata?.annotations && { annotations: input.metadata.annotations }),
  spec: { ...input.spec },
});

/** Merges declarations into what is live. Specs that were checked once are not checked again: it costs most of an apply. */
export class Drafts {
  /** Specs that have all defaults of this version; what an older one stored may lack some. */
  readonly #whole = new WeakSet<AgentSpec>();

  /**
   * A commit says all there is of a spec: nothing that was set beside it stays, but how many run and whether at all (BY_HAND), where
   * no commit spoke of it. Labels and annotations of others stay.
   */
  whole(live: AgentRecord | undefined, now: Declared, checked: AgentSpec): Draft {
    const before = live?.lastApplied;
    const spoken = (key: string) => Object.hasOwn(now.spec, key) || Object.hasOwn(before?.spec ?? {}, key);
    const kept = live ? BY_HAND.filter((key) => !spoken(key)).map((key) => [key, live.spec[key]] as const) : [];
    const spec = { ...checked, ...Object.fromEntries(kept) };
    const same = live !== undefined && isDeepStrictEqual(spec, live.spec);
    if (same) this.#whole.add(live.spec);
    else this.#whole.add(spec);
    return { ...this.#texts(live, before, now), spec: same ? live.spec : spec };
  }

  /** `checked`: the spec of `now`, already checked. The live spec itself when nothing in it changes. Throws InvalidError. */
  merge(live: AgentRecord | undefined, before: Declared | undefined, now: Declared, checked: AgentSpec): Draft {
    return { ...this.#texts(live, before, now), spec: this.#spec(live?.spec, before, now, checked) };
  }

  #texts(live: AgentRecord | undefined, before: Declared | undefined, now: Declared): Omit<Draft, 'spec'> {
    const texts = (key: 'labels' | 'annotations') =>
      parseTexts(threeWayMerge(live?.[key] ?? {}, before?.[key], now[key] ?? {}));
    return { labels: texts('labels'), annotations: texts('annotations') };
  }

  #spec(live: AgentSpec | undefined, before: Declared | undefined, now: Declared, checked: AgentSpec): AgentSpec {
    if (!live) {
      this.#whole.add(checked);
      return checked;
    }
    const dropsNothing = isDeepStrictEqual(before?.spec, now.spec);
    const merged = threeWayMerge(
      { ...live },
      before?.spec,
      now.spec,
      dropsNothing ? undefined : filledIn(before?.spec),
    );
    if (this.#whole.has(live) && isDeepStrictEqual(merged, live)) return live;
    const parsed = parseSpec(withoutOldIdle(merged, live));
    const next = isDeepStrictEqual(parsed, live) ? live : parsed;
    this.#whole.add(next);
    return next;
  }
}

/** With its defaults; nothing when it is of a time in which other things were allowed. */
function filledIn(spec: Tree | undefined): Tree | undefined {
  const checked = spec && check(agentSpecSchema, spec);
  return checked?.ok ? { ...checked.value } : undefined;
}

const parseTexts = (tree: Tree): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, String(value)]));

/** `known`: what checking it gave, when whoever read it did that already. */
export function parseManifest(
  input: unknown,
  known?: AgentManifest,
): { readonly name: string; readonly input: AgentManifestInput; readonly spec: AgentSpec } {
  const manifest = known ?? checkManifest(input);
  const { name } = manifest.metadata;
  if (name === undefined) throw new InvalidError(['metadata.name: is required']);
  return { name, input: input as AgentManifestInput, spec: manifest.spec };
}

function checkManifest(input: unknown): AgentManifest {
  const checked = check(agentManifestSchema, input);
  if (checked.ok) return checked.value;
  throw new InvalidError(checked.issues.map(({ path, message }) => `${formatPath(path)}: ${message}`));
}

export function parseSpec(spec: unknown): AgentSpec {
  const checked = check(agentSpecSchema, spec);
  if (!checked.ok)
    throw new InvalidError(checked.issues.map(({ path, message }) => `${formatPath(['spec', ...path])}: ${message}`));
  return checked.value;
}

export function parseMeta(meta: unknown): Pick<Draft, 'labels' | 'annotations'> {
  const checked = check(manifestMetaSchema, meta);
  if (!checked.ok)
    throw new InvalidError(
      checked.issues.map(({ path, message }) => `${formatPath(['metadata', ...path])}: ${message}`),
    );
  return { labels: checked.value.labels ?? {}, annotations: checked.value.annotations ?? {} };
}

/**
 * Owns: what an agent's intention is made of: a manifest or a patch checked, merged with what is there, and shown for `diff`.
 * Never: reads or writes the store.
 */
import type { Comparable } from '../../api/protocol.ts';
import {
  type AgentManifestInput,
  type AgentSpec,
  agentManifestSchema,
  agentSpecSchema,
} from '../../api/resources/agent/agent.ts';
import { InvalidError } from '../../api/resources/errors.ts';
import { check, formatPath } from '../../api/resources/issues.ts';
import { manifestMetaSchema } from '../../api/resources/meta.ts';
import type { AgentRecord } from '../store/store.ts';
import { fileHashes } from './stored-files.ts';
import { type Tree, threeWayMerge } from './three-way-merge.ts';

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

export const declaredIn = (input: AgentManifestInput): Declared => ({
  ...(input.metadata?.labels && { labels: input.metadata.labels }),
  ...(input.metadata?.annotations && { annotations: input.metadata.annotations }),
  spec: { ...input.spec },
});

export function merge(live: AgentRecord | undefined, before: Declared | undefined, now: Declared): Draft {
  const texts = (key: 'labels' | 'annotations') =>
    parseTexts(threeWayMerge(live?.[key] ?? {}, before?.[key], now[key] ?? {}));
  return {
    labels: texts('labels'),
    annotations: texts('annotations'),
    spec: parseSpec(threeWayMerge({ ...live?.spec }, before?.spec, now.spec, filledIn(before?.spec))),
  };
}

/** With its defaults; nothing when it is of a time in which other things were allowed. */
function filledIn(spec: Tree | undefined): Tree | undefined {
  const checked = spec && check(agentSpecSchema, spec);
  return checked?.ok ? { ...checked.value } : undefined;
}

const parseTexts = (tree: Tree): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, String(value)]));

export function parseManifest(input: unknown): { readonly name: string; readonly input: AgentManifestInput } {
  const checked = check(agentManifestSchema, input);
  if (!checked.ok) throw new InvalidError(checked.issues.map(({ path, message }) => `${formatPath(path)}: ${message}`));
  const { name } = checked.value.metadata;
  if (name === undefined) throw new InvalidError(['metadata.name: is required']);
  return { name, input: input as AgentManifestInput };
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

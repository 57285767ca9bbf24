/**
 * Owns: which generation of the old schema a document belongs to. `scitex-agent-container/v3` changed its meaning four
 * times under one name, so the fields a document uses decide.
 * Never: refuses a document.
 */
import { at, isMap, type Json, type JsonMap } from './json.ts';

export const OLD_API_VERSIONS = ['scitex-agent-container/v3', 'scitex-agent-container/v2', 'cld-agent/v1'] as const;
export type OldApiVersion = (typeof OLD_API_VERSIONS)[number];

/** v3a: tmux and SLURM; v3b: containers that run the SDK; v3c: apptainer, fields below engine blocks; v3d: `tui`, every field explicit. */
export const GENERATIONS = ['v1', 'v2', 'v3a', 'v3b', 'v3c', 'v3d'] as const;
export type Generation = (typeof GENERATIONS)[number];

const V3D_FIELDS = ['harness', 'to_home_layers', 'exclude_hooks', 'exclude_skills'];
const V3C_FIELDS = [
  'apptainer',
  'to_home',
  'comms',
  'lineage',
  'proxy',
  'startup_prompts',
  'user',
  'claude.model',
  'claude.account',
  'claude.provider',
];
const V3B_FIELDS = ['image', 'dockerfile', 'mounts', 'dot_claude', 'autonomous'];
const CONTAINERS: readonly (Json | undefined)[] = ['docker', 'podman', 'apptainer'];

export const isOldVersion = (apiVersion: unknown): apiVersion is OldApiVersion =>
  OLD_API_VERSIONS.some((known) => known === apiVersion);

export function generationOf(document: JsonMap): Generation {
  if (document['apiVersion'] === 'cld-agent/v1') return 'v1';
  if (document['apiVersion'] === 'scitex-agent-container/v2') return 'v2';
  const spec = isMap(document['spec']) ? document['spec'] : {};
  const has = (fields: readonly string[]) => fields.some((field) => at(spec, field) !== undefined);
  const runtime = spec['runtime'];
  if (runtime === 'tui' || has(V3D_FIELDS)) return 'v3d';
  // From here on a null counts too: only the later generations wrote them.
  if (document['kind'] === 'AgentProxy' || has(V3C_FIELDS)) return 'v3c';
  if (has(V3B_FIELDS) || runtime === 'docker' || runtime === 'podman') return 'v3b';
  return CONTAINERS.includes(runtime) ? 'v3c' : 'v3a';
}

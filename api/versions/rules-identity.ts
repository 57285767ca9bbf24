/**
 * Owns: name, labels, environment and hooks of older manifests.
 * Never: joins what could not be told apart again without carrying the original.
 */
import { labelsSchema } from '../resources/names.ts';
import { isMap, type Json } from './json.ts';
import { OLD_HOOKS } from './old-schema.ts';
import { listOf, orNothing, type Rule, textOf } from './rule.ts';

/** Old names were free text; ours are DNS labels. */
export function safeName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 63)
    .replace(/-+$/, '');
}

export const nameRule: Rule = {
  old: ['metadata.name'],
  v1: ['metadata.name'],
  forward([old], { folderName, warn }) {
    const name = textOf(old) ?? folderName;
    if (name === undefined) return [];
    const safe = safeName(name);
    if (safe === '') return [name];
    if (safe !== name) warn('metadata.name', `"${name}" is no valid name for sac; the agent is called "${safe}"`);
    return [safe];
  },
  backward: ([name], { generation }) => [generation.startsWith('v3') ? undefined : name],
};

export const labelsRule: Rule = {
  old: ['metadata.labels'],
  v1: ['metadata.labels'],
  forward([old], { warn }) {
    if (!isMap(old)) return [];
    const labels: Record<string, string> = {};
    for (const [key, value] of Object.entries(old)) {
      const joined = listOf(value).map(String).join('.');
      if (labelsSchema.safeParse({ [key]: joined }).success) labels[key] = joined;
      else warn(`metadata.labels.${key}`, 'is no valid label for sac; it cannot be selected by');
    }
    return [Object.keys(labels).length === 0 ? undefined : labels];
  },
  backward: ([labels]) => [labels],
};

export const envRule: Rule = {
  old: ['spec.env', 'spec.apptainer.env'],
  v1: ['spec.env'],
  forward([plain, engine], { warn }) {
    const env: Record<string, string> = {};
    for (const [path, source] of [
      ['spec.apptainer.env', engine],
      ['spec.env', plain],
    ] as const) {
      if (!isMap(source)) continue;
      for (const [key, value] of Object.entries(source)) {
        // The old launcher was Python: str(True) is "True".
        env[key] = typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);
        if (typeof value === 'string' && /^~|\$\{/.test(value))
          warn(
            `${path}.${key}`,
            'was expanded by the old launcher (~ and shell-like variables); sac passes it as written',
          );
      }
    }
    return [Object.keys(env).length === 0 ? undefined : env];
  },
  backward: ([env], { generation }) => (generation === 'v3c' || generation === 'v3d' ? [undefined, env] : [env]),
};

export const envFilesRule: Rule = {
  old: ['spec.env-file', 'spec.env_file', 'spec.env_files'],
  v1: ['spec.envFiles'],
  forward: (old) => [orNothing(old.flatMap(listOf))],
  backward: ([files]) => [Array.isArray(files) && files.length === 1 ? files[0] : files],
};

const HOOK_NAMES = ['preStart', 'postStart', 'preStop', 'postStop', 'onCompact', 'onRestart', 'onDiff'] as const;

export const hookRules: readonly Rule[] = OLD_HOOKS.map((old, index) => ({
  old: [`spec.hooks.${old}`],
  v1: [`spec.hooks.${HOOK_NAMES[index]}`],
  forward: ([commands]: readonly (Json | undefined)[]) => [orNothing(listOf(commands))],
  backward: ([commands]: readonly (Json | undefined)[]) => [commands],
}));

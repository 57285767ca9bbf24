/**
 * Owns: what an older manifest gave an agent to work with: Claude Code's flags and login, skills, MCP servers, a venv, files.
 * Never: passes on a field that sac would take for something else.
 */
import { isMap, type Json } from './json.ts';
import { listOf, orNothing, type Rule, type RuleContext, textOf } from './rule.ts';

const words = (value: Json | undefined): readonly Json[] | undefined =>
  orNothing(listOf(value).filter((word) => word !== ''));

/** A list under the same name on both sides. */
const listRule = (old: string, v1: string): Rule => ({
  old: [old],
  v1: [v1],
  forward: ([list]) => [words(list)],
  backward: ([list]) => [list],
});

export const claudeRules: readonly Rule[] = [
  listRule('spec.claude.flags', 'spec.claude.flags'),
  listRule('spec.claude.channels', 'spec.claude.channels'),
  {
    old: ['spec.claude.account'],
    v1: ['spec.claude.account'],
    forward: ([account]) => [textOf(account)],
    backward: ([account]) => [account],
  },
  {
    old: ['spec.claude.provider.base_url', 'spec.claude.provider.auth_token_env'],
    v1: ['spec.claude.provider.baseUrl', 'spec.claude.provider.authTokenEnv'],
    forward: (provider) => provider,
    backward: (provider) => provider,
  },
];

export const skillRules: readonly Rule[] = [
  listRule('spec.skills.required', 'spec.skills.required'),
  listRule('spec.skills.available', 'spec.skills.available'),
  {
    old: ['spec.skills.injection_mode'],
    v1: ['spec.skills.injectionMode'],
    forward: ([mode]) => [mode],
    backward: ([mode]) => [mode],
  },
];

const SERVER_FIELDS = new Set(['type', 'command', 'args', 'env', 'url', 'headers']);

function serverOf(name: string, server: Json, { warn }: RuleContext): Json | undefined {
  if (!isMap(server)) return undefined;
  const made: Record<string, Json> = {};
  for (const [key, value] of Object.entries(server)) {
    if (value === null || value === '') continue;
    if (!SERVER_FIELDS.has(key)) warn('spec.mcp_servers', `"${key}" of ${name} is nothing sac passes on`);
    else if (key === 'args') made[key] = listOf(value).map(String);
    else if (isMap(value)) made[key] = Object.fromEntries(Object.entries(value).map(([k, v]) => [k, String(v ?? '')]));
    else made[key] = value;
  }
  return made;
}

export const mcpServersRule: Rule = {
  old: ['spec.mcp_servers'],
  v1: ['spec.mcpServers'],
  forward([servers], context) {
    if (!isMap(servers) || Object.keys(servers).length === 0) return [];
    const made = Object.entries(servers).flatMap(([name, server]) => {
      const one = serverOf(name, server, context);
      return one === undefined ? [] : [[name, one] as const];
    });
    return [Object.fromEntries(made)];
  },
  backward: ([servers]) => [servers],
};

export const venvRule: Rule = {
  old: ['spec.venv', 'spec.python-venv'],
  v1: ['spec.venv'],
  forward([plain, python], { warn }) {
    const named = [...listOf(python), ...listOf(plain)].filter((venv) => venv !== '');
    if (named.length > 1) warn('spec.venv', `an agent has one venv in sac: ${String(named[0])}`);
    return [named[0]];
  },
  backward: ([venv], { generation }) => (generation === 'v1' || generation === 'v2' ? [venv] : [undefined, venv]),
};

/** What lies in to_home/ beside the manifest is deployed; elsewhere it is not found. */
export const toHomeRule: Rule = {
  old: ['spec.to_home'],
  v1: [],
  forward([folder], { warn }) {
    const named = textOf(folder)?.replace(/^\.\//, '').replace(/\/$/, '');
    if (named !== undefined && named !== 'to_home')
      warn('spec.to_home', 'files are deployed from the folder to_home beside the manifest alone; move them there');
    return [];
  },
  backward: () => [],
};

/**
 * Owns: how skills and MCP servers are said to a CLI: a section of its instructions file, entries of .mcp.json.
 * Never: looks whether a skill is there.
 */
import type { AgentSpec, ProfileName } from '../../../api/resources/agent/agent.ts';

/** The file in the workspace that the CLI reads at its start. */
export function instructionsFile(profile: ProfileName): string {
  switch (profile) {
    case 'claude-code':
      return 'CLAUDE.md';
    case 'gemini':
      return 'GEMINI.md';
    case 'codex':
    case 'aider':
    case 'cursor':
    case 'opencode':
    case 'pi':
    case 'exec':
      return 'AGENTS.md';
  }
}

/** Path of the file that a skill begins with: absolute, below ~, or below the workspace. */
export function skillPath(skill: string): string {
  const folder = skill.includes('/') ? skill : `~/.claude/skills/${skill}`;
  return folder.endsWith('.md') ? folder : `${folder.replace(/\/+$/, '')}/SKILL.md`;
}

/** Undefined: there is nothing to say. */
export function skillsSection(skills: AgentSpec['skills'], profile: ProfileName): string | undefined {
  const { required, available, injectionMode } = skills;
  if (required.length === 0 && available.length === 0) return undefined;
  // Only Claude Code reads a file in at `@path`.
  const imports = injectionMode === 'at-import' && profile === 'claude-code';
  const line = (skill: string) => `- ${skill}: ${skillPath(skill)}`;
  return [
    '## Skills',
    ...(required.length > 0
      ? ['', imports ? 'These apply to all work here:' : 'Read these before you begin:', '']
      : []),
    ...required.map((skill) => (imports ? `@${skillPath(skill)}` : line(skill))),
    ...(available.length > 0 ? ['', 'Read these when the work asks for them:', ''] : []),
    ...available.map(line),
    '',
  ].join('\n');
}

type Servers = AgentSpec['mcpServers'];

/** `base`: text of src_mcp.json. Servers of the spec replace those of the same name; all else is kept. */
export function mergeMcpServers(
  base: string | undefined,
  servers: Servers,
  home: string,
): { readonly text: string } | { readonly problem: string } {
  let parsed: unknown = {};
  try {
    if (base !== undefined) parsed = JSON.parse(base);
  } catch (error) {
    return { problem: `is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (!isMap(parsed)) return { problem: 'is not a JSON object' };
  const declared = parsed['mcpServers'] ?? {};
  if (!isMap(declared)) return { problem: 'mcpServers is not a JSON object' };
  const merged = Object.entries({ ...declared, ...servers }).map(([name, server]) => [name, expanded(server, home)]);
  return { text: `${JSON.stringify({ ...parsed, mcpServers: Object.fromEntries(merged) }, undefined, 2)}\n` };
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** No shell starts a server, so nobody else would read `~`. */
function expanded(server: unknown, home: string): unknown {
  if (!isMap(server)) return server;
  const expand = (value: unknown) =>
    typeof value === 'string' && (value === '~' || value.startsWith('~/')) ? `${home}${value.slice(1)}` : value;
  const { command, args } = server;
  return {
    ...server,
    ...(command !== undefined && { command: expand(command) }),
    ...(Array.isArray(args) && { args: args.map(expand) }),
  };
}

/**
 * Owns: what an agent finds where it works: every file with its place, mode and content; what is left out, and why nothing can be.
 * Never: looks at a disk. Which paths there may be is judged here, whether they can be written there at the place.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { AgentSpec, ProfileName, RuntimeKind } from '../../../api/resources/agent/agent.ts';
import {
  fileNameFault,
  HOME_FOLDER,
  pathFault,
  SRC_PREFIX,
  type StoredFile,
} from '../../../api/resources/agent/agent-files.ts';
import { workspaceOptions } from '../../../api/resources/agent/workspace.ts';
import { type FieldPath, formatPath } from '../../../api/resources/issues.ts';
import { interpolate, type Syntax, type Values } from './interpolate.ts';
import { instructionsFile, mergeMcpServers, skillPath, skillsSection } from './skills-plan.ts';

export interface PlannedFile {
  readonly root: 'workspace' | 'home';
  /** Below the root; never leaves it by itself. */
  readonly path: string;
  readonly mode: number;
  readonly sha256: string;
  /** One of the two. */
  readonly text?: string;
  readonly base64?: string;
}

export interface WorkspacePlan {
  /** Equal keys: the same is to be deployed. */
  readonly key: string;
  readonly cwd: string;
  /** Absent: home of the user at the place. */
  readonly home?: string;
  readonly files: readonly PlannedFile[];
  /** Left out because the workspace is not trusted. */
  readonly leftOut: readonly string[];
  /** What is code for the agent and lies in the folder already is set aside. A worktree is made without it. */
  readonly untrusted?: true;
  readonly drift: 'mend' | 'report';
  /** Files that skills begin with: told when they are missing. */
  readonly skills: readonly string[];
  readonly git?: { readonly repo: string; readonly ref: string; readonly branch: string; readonly trust: boolean };
  /** Why nothing is deployed, and so nothing started: names file and line. */
  readonly problem?: string;
}

export interface WorkspaceInput {
  readonly agent: string;
  readonly instance: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: AgentSpec;
  /** Undefined: it never had any. */
  readonly files: readonly StoredFile[] | undefined;
  /** By field of the spec, `file:line` of what is filled in. */
  readonly lines?: Readonly<Record<string, string>> | undefined;
  readonly profile: ProfileName;
  readonly runtime: RuntimeKind | undefined;
  readonly cwd: string;
  /** Home of the user agents run as. */
  readonly userHome: string;
  /** The controller's environment. */
  readonly environment: (name: string) => string | undefined;
}

/** Located: the message names the file and the line. */
class Unusable extends Error {}

const NO_SKILLS: AgentSpec['skills'] = { required: [], available: [], injectionMode: 'at-import' };

/** Undefined: nothing is deployed, and nothing ever was. */
export function planWorkspace(given: WorkspaceInput): WorkspacePlan | undefined {
  // A record may have been stored before there were these fields.
  const { skills: declared = NO_SKILLS, mcpServers = {} } = given.spec;
  const input = { ...given, spec: { ...given.spec, skills: declared, mcpServers } };
  const { spec, files, instance, cwd } = input;
  const { trust, drift, git } = workspaceOptions(spec.workspace);
  const skills = [...spec.skills.required, ...spec.skills.available].map(skillPath);
  if (files === undefined && skills.length === 0 && Object.keys(spec.mcpServers).length === 0 && !git && trust)
    return undefined;
  const home = spec.env['HOME'];
  const base = {
    cwd,
    drift,
    skills,
    ...(!trust && !git && { untrusted: true as const }),
    ...(home !== undefined && { home }),
    ...(git && { git: { repo: git.repo, ref: git.ref, branch: `sac/${instance}`, trust } }),
  };
  try {
    const all = plannedFiles(input);
    if (home !== undefined && !home.startsWith('/'))
      throw new Unusable(`spec.env.HOME: ${home} is not an absolute path`);
    const kept = trust ? all : all.filter(({ path }) => !isCode(path));
    const leftOut = trust ? [] : all.filter(({ path }) => isCode(path)).map(shown);
    const key = hashOf(
      JSON.stringify([base, kept.map(({ root, path, mode, sha256: sum }) => [root, path, mode, sum])]),
    );
    return { ...base, key, files: kept, leftOut };
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    return { ...base, key: hashOf(error.message), files: [], leftOut: [], problem: error.message };
  }
}

/** `~/x` for what is below the home. */
export const shown = ({ root, path }: Pick<PlannedFile, 'root' | 'path'>): string =>
  root === 'home' ? `~/${path}` : path;

/** What a running agent has read already, and so has to be restarted for; undefined: nothing. */
export function launchFiles(plan: WorkspacePlan | undefined, profile: ProfileName): readonly string[] | undefined {
  const read: ReadonlySet<string> = new Set([instructionsFile(profile), 'CLAUDE.md', '.mcp.json', '.env']);
  const counted = (plan?.files ?? []).filter(({ root, path }) => root === 'home' || read.has(path));
  return counted.length === 0 ? undefined : counted.map((file) => `${shown(file)} ${file.mode} ${file.sha256}`);
}

/** What the agent's CLI runs, or takes orders from, without being asked. */
const isCode = (path: string): boolean =>
  /^(?:.*\/)?(?:\.mcp\.json|\.envrc)$/.test(path) ||
  /^(?:.*\/)?\.claude\/(?:settings[^/]*\.json$|hooks\/|plugins\/)/.test(path) ||
  path === '.claude.json';

const hashOf = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)));

const PLACES: Readonly<Record<string, { readonly path: string; readonly mode: number; readonly syntax: Syntax }>> = {
  src_env: { path: '.env', mode: 0o600, syntax: 'env' },
  // Servers' keys stand in it.
  'src_mcp.json': { path: '.mcp.json', mode: 0o600, syntax: 'json' },
};

function plannedFiles(input: WorkspaceInput): readonly PlannedFile[] {
  const { agent, labels, spec, files = [], profile, runtime } = input;
  const values: Values = {
    name: agent,
    labels,
    variable: (name) => (Object.hasOwn(spec.env, name) ? spec.env[name] : input.environment(name)),
  };
  const planned = new Map<string, PlannedFile>();
  const put = (file: PlannedFile, from: string) => {
    const fault = pathFault(file.path);
    if (fault !== undefined) throw new Unusable(`${agent}/${from}: ${fault}`);
    if (planned.has(shown(file)))
      throw new Unusable(`${agent}/${from}: another file is deployed as ${shown(file)} too`);
    planned.set(shown(file), file);
  };
  for (const file of files) {
    const { name } = file;
    const fault = fileNameFault(name);
    if (fault !== undefined) throw new Unusable(`${agent}/${name}: ${fault}`);
    if (name.startsWith(`${HOME_FOLDER}/`)) {
      if (runtime === 'docker' || runtime === 'podman' || runtime === 'apptainer')
        throw new Unusable(
          `${agent}/${HOME_FOLDER}: the home of an agent in ${runtime} is in the container; mount a folder (place.${runtime}.mounts)`,
        );
      put({ ...content(file), root: 'home', path: name.slice(HOME_FOLDER.length + 1), mode: file.mode }, name);
      continue;
    }
    const { path, mode, syntax } = PLACES[name] ?? {
      path: name.slice(SRC_PREFIX.length),
      mode: file.mode,
      syntax: 'text' as const,
    };
    put({ ...filled(file, `${agent}/${name}`, values, syntax), root: 'workspace', path, mode }, name);
  }
  addServers(input, values, planned);
  addSkills(spec, profile, planned);
  refuseNesting(agent, [...planned.values()]);
  return [...planned.values()].sort((a, b) => (shown(a) < shown(b) ? -1 : 1));
}

type Content = Pick<PlannedFile, 'sha256' | 'text' | 'base64'>;
const content = ({ sha256: sum, text, base64 }: StoredFile): Content => ({
  sha256: sum,
  ...(text === undefined ? { base64: base64 ?? '' } : { text }),
});
const textContent = (text: string): Content => ({ text, sha256: hashOf(text) });

function filled(file: StoredFile, from: string, values: Values, syntax: Syntax): Content {
  if (file.text === undefined || !file.text.includes('${')) return content(file);
  const made = interpolate(file.text, values, syntax);
  if ('problem' in made) throw new Unusable(`${from}:${made.line}: ${made.problem}`);
  return textContent(made.text);
}

function addServers(
  { agent, spec, lines, userHome }: WorkspaceInput,
  values: Values,
  planned: Map<string, PlannedFile>,
): void {
  const file = planned.get('.mcp.json');
  if (!file && Object.keys(spec.mcpServers).length === 0) return;
  const servers = interpolate(JSON.stringify(spec.mcpServers), values, 'json');
  if ('problem' in servers) {
    const field = formatPath(pathAtFault(spec.mcpServers, ['spec', 'mcpServers'], values));
    throw new Unusable(`${lines?.[field] ?? agent}: ${field}: ${servers.problem}`);
  }
  if (file?.base64 !== undefined) throw new Unusable(`${agent}/src_mcp.json: is not UTF-8 text`);
  const merged = mergeMcpServers(file?.text, JSON.parse(servers.text), spec.env['HOME'] ?? userHome);
  if ('problem' in merged) throw new Unusable(`${agent}/src_mcp.json: ${merged.problem}`);
  planned.set('.mcp.json', { root: 'workspace', path: '.mcp.json', mode: 0o600, ...textContent(merged.text) });
}

/** Which field it is: what a patch wrote has no line. */
function pathAtFault(value: unknown, path: FieldPath, values: Values): FieldPath {
  if (typeof value !== 'object' || value === null) return path;
  for (const [key, inner] of Object.entries(value))
    if ('problem' in interpolate(JSON.stringify(inner), values, 'json'))
      return pathAtFault(inner, [...path, Array.isArray(value) ? Number(key) : key], values);
  return path;
}

function addSkills(spec: AgentSpec, profile: ProfileName, planned: Map<string, PlannedFile>): void {
  const section = skillsSection(spec.skills, profile);
  if (section === undefined) return;
  const path = instructionsFile(profile);
  const { text = '', mode = 0o644 } = planned.get(path) ?? {};
  const before = text === '' ? '' : `${text.trimEnd()}\n\n`;
  planned.set(path, { root: 'workspace', path, mode, ...textContent(`${before}${section}`) });
}

/** A file cannot be where another needs a folder. */
function refuseNesting(agent: string, files: readonly PlannedFile[]): void {
  const names = new Set(files.map(shown));
  for (const file of files) {
    const parts = shown(file).split('/');
    const above = parts.map((_, i) => parts.slice(0, i).join('/')).find((folder) => names.has(folder));
    if (above !== undefined) throw new Unusable(`${agent}: ${shown(file)} needs a folder where ${above} is a file`);
  }
}

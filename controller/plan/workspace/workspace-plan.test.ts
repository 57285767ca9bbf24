import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agentSpecSchema } from '../../../api/resources/agent/agent.ts';
import { fileNameFault, pathFault, type StoredFile } from '../../../api/resources/agent/agent-files.ts';
import { interpolate, type Values } from './interpolate.ts';
import { launchFiles, planWorkspace, shown, type WorkspaceInput } from './workspace-plan.ts';

const file = (name: string, text: string, mode = 0o644): StoredFile => ({
  name,
  mode,
  sha256: `hash of ${text}`,
  text,
});
const plan = (files: readonly StoredFile[], spec: unknown = {}, more: Partial<WorkspaceInput> = {}) =>
  planWorkspace({
    agent: 'web',
    instance: 'web-1',
    labels: { team: 'a/b' },
    spec: agentSpecSchema.parse(spec),
    files,
    profile: 'claude-code',
    runtime: 'tmux',
    cwd: '/w',
    userHome: '/home/u',
    environment: (name) =>
      new Map([
        ['OUTER', 'outer'],
        ['TWO', 'a\nb'],
        ['EMPTY', ''],
      ]).get(name),
    ...more,
  });
const only = (files: readonly StoredFile[], spec?: unknown, more?: Partial<WorkspaceInput>) => {
  const found = plan(files, spec, more);
  if (found?.problem !== undefined || found?.files[0] === undefined)
    throw new Error(found?.problem ?? 'nothing planned');
  return found.files[0];
};
const problem = (...args: Parameters<typeof plan>) => plan(...args)?.problem;

describe('planWorkspace', () => {
  it('has nothing to say of an agent that never had files', () => {
    expect(planWorkspace({ ...input(), files: undefined })).toBeUndefined();
    expect(plan([])?.files).toEqual([]);
  });

  it('gives every file its place and mode', () => {
    const files = ['src_CLAUDE.md', 'src_mcp.json', 'src_env', 'src_x.sh', 'to_home/.a/b'].map((name) =>
      file(name, '{}', name === 'src_x.sh' ? 0o755 : 0o640),
    );
    expect(plan(files)?.files.map((one) => `${shown(one)} ${one.mode.toString(8)}`)).toEqual([
      '.env 600',
      '.mcp.json 600',
      'CLAUDE.md 640',
      'x.sh 755',
      '~/.a/b 640',
    ]);
  });

  it.each([
    ['src_CLAUDE.md', 'a\n\n${NOPE} ${ALSO}', 'web/src_CLAUDE.md:3: ${NOPE} is not set'],
    ['src_CLAUDE.md', '${metadata.labels.nope}', 'web/src_CLAUDE.md:1: ${metadata.labels.nope} is not set'],
    ['src_env', 'A=1\nB=${TWO}', 'web/src_env:2: ${TWO} has several lines'],
    ['src_mcp.json', '{', 'web/src_mcp.json: is not JSON'],
    ['src_..', 'x', 'web/src_..: leaves its folder'],
    ['to_home/../x', 'x', 'web/to_home/../x: leaves its folder'],
    ['src_.sac', 'x', "web/src_.sac: is in .sac, which is sac's own"],
    ['other', 'x', 'web/other: is neither'],
  ])('%s with %j cannot be deployed, and it is said where', (name, text, message) => {
    expect(problem([file(name, text)])).toContain(message);
    expect(plan([file(name, text)])?.files).toEqual([]);
  });

  it('names the field of a manifest whose variable is not set, down to the word', () => {
    const servers = (docs: object) => problem([], { mcpServers: { fine: { command: 'x' }, docs } });
    expect(servers({ command: 'x', args: ['a', '${NOPE}'] })).toContain(
      'web: spec.mcpServers.docs.args[1]: ${NOPE} is not set',
    );
    expect(servers({ command: 'x', env: { KEY: '${NOPE}' } })).toContain('web: spec.mcpServers.docs.env.KEY: ${NOPE}');
    expect(servers({ command: 'x', env: { KEY: '${NOPE:-fine}' } })).toBeUndefined();
    const lines = { 'spec.mcpServers.docs.env.KEY': 'web/spec.yaml:12' };
    expect(problem([], { mcpServers: { docs: { command: 'x', env: { KEY: '${NOPE}' } } } }, { lines })).toContain(
      'web/spec.yaml:12: spec.mcpServers.docs.env.KEY: ${NOPE} is not set',
    );
  });

  it('refuses two files with one name, a file where a folder is needed, a home in a container', () => {
    expect(problem([file('src_env', 'A=1'), file('src_.env', 'A=2')])).toContain('another file is deployed as .env');
    expect(problem([file('to_home/a', ''), file('to_home/a/b', '')])).toContain('~/a/b needs a folder where ~/a is');
    expect(problem([file('to_home/a', '')], {}, { runtime: 'docker' })).toContain('in the container');
  });

  it('writes values as the file needs them, and spec.env before the environment', () => {
    expect(only([file('src_CLAUDE.md', '${OUTER} ${metadata.labels.team} ${EMPTY:-e}${EMPTY}')]).text).toBe(
      'outer a/b e',
    );
    expect(only([file('src_CLAUDE.md', '${OUTER}')], { env: { OUTER: 'inner' } }).text).toBe('inner');
    expect(problem([file('src_CLAUDE.md', '${constructor}')])).toContain('is not set');
    const json = only([file('src_mcp.json', '{"x": "${TWO}"}')]).text;
    expect(JSON.parse(json ?? '')).toEqual({ x: 'a\nb', mcpServers: {} });
  });

  it('restarts for what is read at the start, not for the rest; equal input gives an equal key', () => {
    const launched = (...files: StoredFile[]) => launchFiles(plan(files), 'claude-code');
    expect(launched(file('src_notes', 'a'))).toBeUndefined();
    expect(launched(file('src_CLAUDE.md', 'a'))).not.toEqual(launched(file('src_CLAUDE.md', 'b')));
    expect(launched(file('to_home/x', 'a'))).not.toEqual(launched(file('to_home/x', 'a', 0o600)));
    expect(plan([file('src_x', 'a')])?.key).toBe(plan([file('src_x', 'a')])?.key);
    expect(plan([file('src_x', 'a')])?.key).not.toBe(plan([file('src_x', 'b')])?.key);
  });

  it('leaves out what is code when the workspace is not trusted', () => {
    const names = [
      'to_home/.claude/hooks/x',
      'to_home/.claude/settings.local.json',
      'to_home/.claude.json',
      'src_.envrc',
    ];
    const found = plan(
      [...names, 'to_home/.claude/CLAUDE.md'].map((name) => file(name, '')),
      {
        workspace: { trust: false },
        mcpServers: { a: { url: 'http://x' } },
      },
    );
    expect(found?.files.map(shown)).toEqual(['~/.claude/CLAUDE.md']);
    expect(found?.leftOut).toHaveLength(5);
  });

  it('has a folder that is not trusted looked through, also where nothing is deployed, but not a worktree', () => {
    expect(plan([], { workspace: { trust: false } })?.untrusted).toBe(true);
    expect(plan([], { workspace: { trust: false, git: { repo: '/r' } } })?.untrusted).toBeUndefined();
    expect(plan([file('src_x', '')], {})?.untrusted).toBeUndefined();
  });

  it('names skills as the CLI can take them', () => {
    const skills = { required: ['a'], available: ['./b.md'] };
    expect(only([], { skills }).text).toContain('\n@~/.claude/skills/a/SKILL.md\n');
    expect(only([], { skills: { ...skills, injectionMode: 'block' } }).text).toContain(
      '- a: ~/.claude/skills/a/SKILL.md',
    );
    expect(only([], { skills }, { profile: 'codex' })).toMatchObject({ path: 'AGENTS.md' });
    expect(only([], { skills }, { profile: 'codex' }).text).not.toContain('@~');
    expect(only([file('src_CLAUDE.md', 'mine')], { skills }).text).toMatch(/^mine\n\n## Skills\n/);
  });
});

describe('properties', () => {
  const part = fc.oneof(fc.constantFrom('..', '.', '', '.sac', '.git', 'a', '~', '-x', ' '), fc.string());
  const names = fc
    .tuple(fc.constantFrom('src_', 'to_home/', 'to_home', '', '/'), fc.array(part, { maxLength: 4 }))
    .map(([prefix, parts]) => prefix + parts.join('/'));

  it('no name leaves its root, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(names, { maxLength: 3 }), (all) => {
        const found = plan(all.map((name) => file(name, 'x')));
        for (const { path } of found?.files ?? []) {
          const parts = path.split('/');
          expect(path.startsWith('/') || /[\0\n\r\\]/.test(path)).toBe(false);
          expect(parts.some((one) => one === '..' || one === '.' || one === '' || one === '.git')).toBe(false);
          expect(parts[0]).not.toBe('.sac');
        }
        if (all.some((name) => fileNameFault(name) !== undefined)) expect(found?.problem).toBeDefined();
      }),
    );
  });

  it('a path without fault resolves below its root', () => {
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        const path = parts.join('/');
        if (pathFault(path) !== undefined) return;
        expect(new URL(path.split('/').map(encodeURIComponent).join('/'), 'file:///root/').pathname).toMatch(
          /^\/root\/./,
        );
      }),
    );
  });

  it('text without references is kept, escapes give back what they escape, and values are never read again', () => {
    const values: Values = { name: 'web', labels: {}, variable: () => '${A}$${' };
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('${')),
        (text) => {
          expect(interpolate(text, values, 'text')).toEqual({ text });
          expect(interpolate(`${text}$\${A}`, values, 'text')).toEqual({ text: `${text}\${A}` });
          expect(interpolate(`\${A}${text}`, values, 'text')).toEqual({ text: `\${A}$\${${text}` });
        },
      ),
    );
  });

  it('JSON stays JSON, whatever the value', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const made = interpolate('{"a": "${A}"}', { name: 'w', labels: {}, variable: () => value }, 'json');
        expect('text' in made && JSON.parse(made.text)).toEqual({ a: value });
      }),
    );
  });
});

function input(): WorkspaceInput {
  return {
    agent: 'web',
    instance: 'web',
    labels: {},
    spec: agentSpecSchema.parse({}),
    files: [],
    profile: 'exec',
    runtime: 'process',
    cwd: '/w',
    userHome: '/h',
    environment: () => undefined,
  };
}

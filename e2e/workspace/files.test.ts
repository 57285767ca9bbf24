/** Files that come with an agent, through the real CLI: src_* and to_home reach its place, and stay what they are declared to be. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';

let fleet: Fleet;
beforeEach(() => {
  fleet = new Fleet({ GREETING: 'from the controller' });
});
afterEach(() => fleet[Symbol.asyncDispose]());

const SLEEP = ['sh', '-c', 'cat CLAUDE.md > seen-at-start; exec sleep 1000'];
const mode = (path: string) => statSync(path).mode & 0o777;
const text = (path: string) => readFileSync(path, 'utf8');
const work = (...path: readonly string[]) => join(fleet.home, 'workspaces', 'web', ...path);
const user = (...path: readonly string[]) => join(fleet.dir, 'user', ...path);
const agent = () => fleet.json(['get', 'agent', 'web']);
const condition = async (type: string) =>
  (await agent()).status.instances[0]?.conditions.find((one: { type: string }) => one.type === type);
const events = async (reason: string): Promise<readonly string[]> =>
  (await fleet.json(['get', 'events'])).items
    .filter((event: { reason: string }) => event.reason === reason)
    .map(({ message }: { message: string }) => message);
const ready = () => until('web is ready', async () => (await agent()).status.ready);
const synced = (message: string | RegExp) =>
  until(`FilesSynced: ${message}`, async () => {
    const found = await condition('FilesSynced');
    if (found === undefined || found.message.match(message) === null) throw new Error(JSON.stringify(found));
    return found;
  });

function declare(files: Readonly<Record<string, string>>, spec: Readonly<Record<string, unknown>> = {}): void {
  const runtime = { place: { runtime: 'process' }, terminationGracePeriodSeconds: 1 };
  fleet.write('agents/web/spec.yaml', execManifest('web', SLEEP, { ...runtime, ...spec }));
  for (const [name, content] of Object.entries(files)) fleet.write(`agents/web/${name}`, content);
}

test('files arrive before the agent starts, with their modes, interpolated; none of it in get -o yaml', async () => {
  declare(
    {
      'src_CLAUDE.md': 'I am ${metadata.name}, ${GREETING}, ${MISSING:-nobody}, $${LITERAL} $HOME\n',
      'src_mcp.json': '{"mcpServers": {"a": {"command": "~/bin/a", "args": ["${TOKEN}"]}}}',
      src_env: 'TOKEN=${TOKEN}\n',
      'src_run.sh': '#!/bin/sh\necho ${1}\n',
      'to_home/.config/tool.toml': 'name = "${not.touched}"\n',
      'to_home/bin/a': '#!/bin/sh\n',
    },
    { env: { TOKEN: 's3cret"quoted' }, mcpServers: { b: { command: 'b' } } },
  );
  chmodSync(join(fleet.agentsDir, 'web/src_run.sh'), 0o755);
  chmodSync(join(fleet.agentsDir, 'web/to_home/bin/a'), 0o750);
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await ready();
  await until('it read its file when it began', () => existsSync(work('seen-at-start')) && text(work('seen-at-start')));
  expect(text(work('seen-at-start'))).toBe('I am web, from the controller, nobody, ${LITERAL} $HOME\n');
  expect(text(work('.env'))).toBe('TOKEN=s3cret"quoted\n');
  expect(JSON.parse(text(work('.mcp.json')))).toEqual({
    mcpServers: { a: { command: user('bin/a'), args: ['s3cret"quoted'] }, b: { command: 'b' } },
  });
  expect(text(work('run.sh'))).toBe('#!/bin/sh\necho ${1}\n');
  expect(text(user('.config/tool.toml'))).toBe('name = "${not.touched}"\n');
  expect([work('.env'), work('.mcp.json'), work('run.sh'), work('CLAUDE.md'), user('bin/a')].map(mode)).toEqual([
    0o600, 0o600, 0o755, 0o644, 0o750,
  ]);
  expect((await synced(/6 files are as declared/)).status).toBe('True');
  const shown = await fleet.ok(['get', 'agent', 'web', '-o', 'yaml']);
  expect(shown).not.toContain('nobody');
  expect(shown).not.toContain('src_env');
});

test('a variable that is not set is told with file and line, and nothing starts until it is', async () => {
  declare({ 'src_CLAUDE.md': 'one\ntwo ${NOT_SET_ANYWHERE}\n' });
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  const found = await synced('web/src_CLAUDE.md:2: \\$\\{NOT_SET_ANYWHERE\\} is not set');
  expect([found.status, found.reason]).toEqual(['False', 'InvalidFiles']);
  expect([(await agent()).status.phase, existsSync(work('CLAUDE.md')), fleet.marked()]).toEqual(['Pending', false, []]);
  declare({ 'src_CLAUDE.md': 'one\n' }, { mcpServers: { docs: { command: 'x', args: ['${NOT_SET_EITHER}'] } } });
  await synced(/web\/spec.yaml:\d+: spec.mcpServers.docs.args\[0\]: .*NOT_SET_EITHER/);
  declare({ 'src_CLAUDE.md': 'one\ntwo ${NOT_SET_ANYWHERE}\n' }, { env: { NOT_SET_ANYWHERE: 'now' } });
  await ready();
  expect(text(work('CLAUDE.md'))).toBe('one\ntwo now\n');
  const [pid] = fleet.marked();
  // A source that breaks later takes nothing down.
  declare({ 'src_CLAUDE.md': '${AGAIN_NOT_SET}\n' }, { env: { NOT_SET_ANYWHERE: 'now' } });
  await synced(/src_CLAUDE.md:1: .*AGAIN_NOT_SET/);
  expect([text(work('CLAUDE.md')), fleet.marked()[0], (await agent()).status.ready]).toEqual([
    'one\ntwo now\n',
    pid,
    true,
  ]);
});

test('a changed source is synced, with a restart only for what was read at the start; what left it is removed', async () => {
  declare({ 'src_CLAUDE.md': 'one\n', 'src_notes.txt': 'one\n', 'src_gone.txt': 'x\n' });
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await ready();
  const [pid] = fleet.marked();
  fleet.write('agents/web/src_notes.txt', 'two\n');
  rmSync(join(fleet.agentsDir, 'web/src_gone.txt'));
  await until('the note is new', () => text(work('notes.txt')) === 'two\n' && !existsSync(work('gone.txt')));
  expect(fleet.marked()[0]).toBe(pid);
  fleet.write('agents/web/src_CLAUDE.md', 'two\n');
  await until('it began anew with it', () => text(work('seen-at-start')) === 'two\n');
  expect(fleet.marked()).not.toContain(pid);
  expect(await events('FileKept')).toEqual([]);
});

test('what the agent changed is kept as .orig and told, also when the database was lost in between', async () => {
  declare({ 'src_notes.txt': 'declared\n', 'src_CLAUDE.md': 'c\n' });
  mkdirSync(work(), { recursive: true, mode: 0o700 });
  writeFileSync(work('notes.txt'), 'was there before\n');
  const first = await fleet.controller(['--agents-dir', fleet.agentsDir, '--resync', '1s']);
  await ready();
  expect([text(work('notes.txt')), text(work('notes.txt.orig'))]).toEqual(['declared\n', 'was there before\n']);
  writeFileSync(work('notes.txt'), 'edited by the agent\n');
  await until('mended at a resync', () => text(work('notes.txt')) === 'declared\n');
  expect(text(work('notes.txt.orig.2'))).toBe('edited by the agent\n');
  await until('told', async () => (await events('FileKept')).some((message) => message.includes('notes.txt.orig.2')));
  first.kill('SIGKILL');
  await until('it is gone', () => first.signalCode !== null);
  for (const name of readdirSync(fleet.home)) if (name.startsWith('sac.db')) rmSync(join(fleet.home, name));
  fleet.write('agents/web/src_notes.txt', 'declared anew\n');
  await fleet.controller(['--agents-dir', fleet.agentsDir, '--resync', '1s']);
  await until('the new one is there', () => text(work('notes.txt')) === 'declared anew\n');
  // Known from the workspace itself: what was replaced was ours, so nothing was kept of it.
  expect(
    readdirSync(work())
      .filter((name) => name.includes('orig'))
      .sort(),
  ).toEqual(['notes.txt.orig', 'notes.txt.orig.2']);
});

test('drift: report leaves the changed file and says so; trust: false leaves configuration out that is code', async () => {
  declare(
    {
      'src_CLAUDE.md': 'c\n',
      'src_mcp.json': '{}',
      'src_.envrc': 'x\n',
      'to_home/.claude/settings.json': '{}',
      'to_home/.claude/CLAUDE.md': 'kept\n',
    },
    { workspace: { trust: false, drift: 'report' } },
  );
  await fleet.controller(['--agents-dir', fleet.agentsDir, '--resync', '1s']);
  await ready();
  const found = await synced(/not trusted: .envrc, .mcp.json, ~\/.claude\/settings.json/);
  expect(found.status).toBe('True');
  expect([work('.mcp.json'), work('.envrc'), user('.claude/settings.json')].some(existsSync)).toBe(false);
  expect(text(user('.claude/CLAUDE.md'))).toBe('kept\n');
  writeFileSync(work('CLAUDE.md'), 'mine\n');
  expect((await synced(/Changed at the place: CLAUDE.md/)).reason).toBe('Drifted');
  expect(text(work('CLAUDE.md'))).toBe('mine\n');
});

test('what is code and lies in a folder that is not trusted is set aside before the first start there, and only then', async () => {
  for (const name of ['.mcp.json', '.claude/settings.json', '.claude/hooks/evil.sh', '.claude/CLAUDE.md'])
    fleet.write(`project/${name}`, 'theirs');
  // Brought along, as if it had been judged before.
  fleet.write('project/.sac/untrusted', 'forged');
  const project = (...path: readonly string[]) => join(fleet.dir, 'project', ...path);
  declare(
    {},
    { workspace: { path: project(), trust: false }, command: ['sh', '-c', 'ls -A . .claude > seen; exec sleep 1000'] },
  );
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await ready();
  await until('it has looked', () => existsSync(project('seen')) && text(project('seen')).includes('CLAUDE.md'));
  const seen = text(project('seen')).split('\n');
  expect(seen).not.toContain('.mcp.json');
  expect(seen).not.toContain('settings.json');
  expect(seen).not.toContain('hooks');
  expect(text(project('.mcp.json.untrusted'))).toBe('theirs');
  expect(text(project('.claude', 'hooks.untrusted', 'evil.sh'))).toBe('theirs');
  expect(text(project('.claude', 'CLAUDE.md'))).toBe('theirs');
  const told = await events('UntrustedSetAside');
  expect(told).toHaveLength(1);
  expect(told[0]).toContain('.mcp.json.untrusted');
  // Its own, from here on.
  writeFileSync(project('.mcp.json'), 'its own');
  const before = (await agent()).status.instances[0].startedAt;
  await fleet.ok(['restart', 'web']);
  await until('it is started anew', async () => {
    const { status } = await agent();
    return status.instances[0].startedAt !== before && status.ready;
  });
  expect(text(project('.mcp.json'))).toBe('its own');
});

test('nothing is written through a link at the place', async () => {
  declare({ 'src_CLAUDE.md': 'c\n', 'to_home/.config/tool/x': 'x\n' });
  mkdirSync(join(fleet.dir, 'elsewhere'));
  symlinkSync(join(fleet.dir, 'elsewhere'), user('.config'));
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  const found = await synced(/~\/.config\/tool\/x is a symbolic link there/);
  expect([found.status, found.reason]).toEqual(['False', 'Refused']);
  expect([readdirSync(join(fleet.dir, 'elsewhere')), fleet.marked()]).toEqual([[], []]);
  rmSync(user('.config'));
  await ready();
  expect(text(user('.config/tool/x'))).toBe('x\n');
});

test('apply -f DIR brings the files, a manifest alone leaves them; skills and venv are there', async () => {
  await fleet.controller();
  fleet.write(
    'mine/web/spec.yaml',
    execManifest('web', ['sh', '-c', 'echo "$VIRTUAL_ENV:$PATH" > seen; exec sleep 1000'], {
      profile: 'claude-code',
      skills: { required: ['review'], available: ['./docs/style.md'] },
      venv: '~/venv',
      startup: { timeout: '1s', onTimeout: 'continue' },
      place: { runtime: 'process' },
    }),
  );
  fleet.write('mine/web/src_CLAUDE.md', '# Web\n');
  fleet.write('user/.claude/skills/review/SKILL.md', 'review\n');
  fleet.write('user/venv/bin/python', '');
  chmodSync(user('venv/bin/python'), 0o755);
  await fleet.ok(['apply', '-f', 'mine']);
  await until('it runs', () => existsSync(work('seen')) && text(work('seen')));
  expect(text(work('seen'))).toMatch(new RegExp(`^${user('venv')}:${user('venv/bin')}:`));
  expect(text(work('CLAUDE.md'))).toMatch(
    /^# Web\n\n## Skills\n.*\n@~\/.claude\/skills\/review\/SKILL.md\n.*- .\/docs\/style.md/s,
  );
  await synced(/skills that are not there: .\/docs\/style.md/);
  expect(await fleet.ok(['apply', '-f', 'mine'])).toContain('unchanged');
  await fleet.ok(['apply', '-f', '-'], { stdin: text(join(fleet.dir, 'mine/web/spec.yaml')) });
  fleet.write('mine/web/src_CLAUDE.md', '# Web two\n');
  expect(await fleet.ok(['apply', '-f', 'mine'])).toContain('configured');
  await until('the new one is there', () => text(work('CLAUDE.md')).startsWith('# Web two\n'));
});

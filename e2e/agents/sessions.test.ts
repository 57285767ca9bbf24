/** Which conversation a start begins with, through the real program; the CLI is a stand-in that writes down how it was called. */
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Fleet, until } from '../harness.ts';

let fleet: Fleet;
beforeEach(() => {
  fleet = new Fleet({}, { calls: 'here' });
});
afterEach(() => fleet[Symbol.asyncDispose]());

const work = (...path: readonly string[]) => join(fleet.home, 'workspaces', 'web', ...path);
const starts = (): readonly string[] =>
  existsSync(work('starts')) ? readFileSync(work('starts'), 'utf8').trimEnd().split('\n') : [];
const agent = () => fleet.json(['get', 'agent', 'web']);

function manifest(spec: Readonly<Record<string, unknown>>): void {
  fleet.write(
    'web.yaml',
    JSON.stringify({
      apiVersion: 'sac/v1',
      kind: 'Agent',
      metadata: { name: 'web' },
      spec: {
        profile: 'claude-code',
        command: ['sh', '-c', 'echo $$ > pid; echo "with:$*" >> starts; exec sleep 1000', 'cli'],
        place: { runtime: 'process' },
        terminationGracePeriodSeconds: 1,
        // Nobody looks at a screen here.
        startup: { timeout: '1s', onTimeout: 'continue' },
        restart: { policy: 'always', backoff: { initial: 0, max: 0 } },
        update: { strategy: 'Immediate' },
        ...spec,
      },
    }),
  );
}
const apply = (spec: Readonly<Record<string, unknown>>) => {
  manifest(spec);
  return fleet.here(['apply', '-f', 'web.yaml']);
};
/** The next start, and how it was called. */
async function next(what: string, cause: () => unknown): Promise<string | undefined> {
  const before = starts().length;
  await cause();
  await until(what, () => starts().length > before);
  const pid = await until(`${what}: it is known`, async () => {
    const [instance] = (await agent()).status.instances;
    return instance.phase === 'Running' || instance.phase === 'Onboarding' ? instance.pid : undefined;
  });
  expect(pid).toBeGreaterThan(0);
  expect(starts()).toHaveLength(before + 1);
  return starts().at(-1);
}
const restart = (...more: readonly string[]) => fleet.ok(['restart', 'web', ...more]);

it('the modes of a session, each as it says, and a restart with a new one overrides them once', {
  timeout: 300_000,
}, async () => {
  await fleet.controller();
  expect(await next('the first', () => apply({}))).toBe('with:');

  const folder = join(fleet.dir, 'user', '.claude', 'projects', work().replaceAll(/[^A-Za-z0-9]/g, '-'));
  const conversation = join(folder, '0b5e.jsonl');
  mkdirSync(folder, { recursive: true });
  writeFileSync(conversation, `{"type":"user","cwd":"${work()}","message":{"role":"user","content":"hi"}}\n`);
  expect(await next('a restart goes on', () => restart())).toBe('with:--continue');
  expect(await next('a new one is asked for', () => restart('--session', 'new'))).toBe('with:');
  const kill = () => process.kill(Number(readFileSync(work('pid'), 'utf8')), 'SIGKILL');
  expect(await next('once: killed, it goes on', kill)).toBe('with:--continue');

  const hourAgo = new Date(Date.now() - 3_600_000);
  utimesSync(conversation, hourAgo, hourAgo);
  // Which one it begins with is no reason to begin: nothing happens before somebody restarts it.
  const declared = async (session: unknown) => {
    expect((await apply({ session })).code).toBe(0);
    return restart();
  };
  const aged = (continueMaxAgeMinutes: number) => ({ mode: 'continue-or-new', continueMaxAgeMinutes });
  expect(await next('too old', () => declared(aged(30)))).toBe('with:');
  expect(await next('not too old', () => declared(aged(90)))).toBe('with:--continue');
  expect(await next('new', () => declared('new'))).toBe('with:');
  expect(await next('by its id', () => declared({ mode: 'resume', id: '0b5e' }))).toBe('with:--resume 0b5e');
});

it('what cannot be is refused with file, line and field: resume without an id, a login and a provider', async () => {
  await fleet.controller();
  const resume = await apply({ session: { mode: 'resume' } });
  expect([resume.code, resume.stderr]).toEqual([2, expect.stringMatching(/web\.yaml:1.*spec\.session/)]);
  const provider = { baseUrl: 'https://models.example', authTokenEnv: 'KEY' };
  const both = await apply({ claude: { account: 'work', provider } });
  expect([both.code, both.stderr]).toEqual([
    2,
    expect.stringMatching(/web\.yaml:1.*spec\.claude\.provider.*exclude each other/),
  ]);
});

it('continue without a conversation is no start, and says so', async () => {
  await fleet.controller();
  expect((await apply({ session: 'continue' })).code).toBe(0);
  await until('told', async () => (await fleet.here(['logs', 'web'])).stdout.includes('conversation'));
  expect(starts()).toEqual([]);
});

/** What somebody runs into in the first hour: nothing there yet, a word too many, a letter wrong. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = new Fleet();
  await fleet.controller(['--listen', '127.0.0.1:0']);
  await fleet.ok(['apply', '-f', '-', '--wait'], {
    stdin: execManifest('web', ['sh', '-c', 'echo one; echo two; exec sleep 1000'], {
      startup: { minReadySeconds: 0 },
      place: { runtime: 'tmux' },
      terminationGracePeriodSeconds: 1,
    }),
  });
});
afterAll(() => fleet[Symbol.asyncDispose]());

describe('one clear line', () => {
  it.each([
    ['get', ['get', 'web'], 2, /an agent of that name is agent\/web/],
    ['a type with a letter wrong', ['get', 'agnets'], 2, /did you mean agents\?/],
    ['a type without a verb', ['agent', 'frob'], 2, /"agent" names a type and wants a verb/],
    ['a file without -f', ['apply', 'web.yaml'], 2, /manifests are given with -f/],
    ['a number that is none', ['scale', 'web', '--replicas=-1'], 2, /"-1" is not a whole number/],
    ['an order by nothing', ['get', 'agents', '--sort-by=.status.restart'], 2, /none of them has this field/],
    ['a run that never was', ['logs', 'web', '--previous'], 3, /no earlier run of web is kept/],
    ['an address open to others', ['controller', 'start', '--listen', '0.0.0.0:0'], 2, /needs TLS/, 'other'],
    ['an address that is none', ['controller', 'start', '--listen', 'x'], 2, /"x" is not HOST:PORT/, 'other'],
    ['an instance that waits', ['logs', 'web', '--instance', 'web-1'], 3, /no instance "web-1"/],
  ] as const)('%s', async (_what, args, code, message, home?: string) => {
    const ran = await fleet.sac(args, home === undefined ? {} : { env: { SAC_HOME: `${fleet.dir}/${home}` } });
    expect(ran.stderr).toMatch(message);
    expect(ran.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect([ran.code, ran.stdout]).toEqual([code, '']);
  });

  it('a token that is none is not asked for once more', async () => {
    const { listen } = await fleet.json(['controller', 'status']);
    const file = fleet.write('token', 'secret\n');
    const ran = await fleet.sac(['get', 'agents', '--server', `http://${listen}`, '--token-file', file]);
    expect([ran.code, ran.stdout]).toEqual([8, '']);
    expect(ran.stderr).toContain('is no token of this controller');
  });

  it('several types are asked for as with kubectl, and edited is what was named by type and name', async () => {
    await fleet.ok(['apply', '-f', '-'], { stdin: execManifest('both', ['sleep', '1000'], { suspend: true }) });
    expect(await fleet.ok(['get', 'agents,hosts'])).toMatch(/^NAME.*\nboth (?:.*\n)+\nNAME.*\nlocal /);
    const both = await fleet.json(['get', 'ag,ho']);
    expect(new Set(both.items.map(({ kind }: { kind: string }) => kind))).toEqual(new Set(['Agent', 'Host']));
    expect((await fleet.sac(['get', 'agents,nothing'])).code).toBe(2);
    expect(await fleet.ok(['edit', 'agent', 'both'], { env: { EDITOR: 'true' } })).toContain('no changes made');
    await fleet.ok(['delete', 'agent', 'both']);
  });

  it('nothing to delete is said, and is no failure', async () => {
    expect(await fleet.sac(['delete', '-l', 'no=such'])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'No agents found.\n',
    });
  });
});

describe('waiting', () => {
  it('says what keeps an agent from being placed', async () => {
    const { code, stderr } = await fleet.sac(['apply', '-f', '-', '--wait', '--timeout', '3s'], {
      stdin: execManifest('nowhere', ['sleep', '1000'], { place: { runtime: 'tmux', host: 'nosuch' } }),
    });
    expect(code).toBe(5);
    expect(stderr).toMatch(/agent\/nowhere Pending: .*nosuch/);
    await fleet.ok(['delete', 'nowhere']);
  });
});

describe('an agent that ended', () => {
  it('shows its last lines and how it ended, not the empty rest of its terminal', async () => {
    await fleet.ok(['apply', '-f', '-'], {
      stdin: execManifest('short', ['sh', '-c', 'echo first; echo last; sleep 0.2; exit 3'], {
        startup: { minReadySeconds: 0 },
        place: { runtime: 'tmux' },
        restart: { policy: 'never' },
      }),
    });
    await fleet.sac(['wait', 'short', '--for=jsonpath={.status.phase}=Failed']);
    const shown = await until('the end on its screen', async () => {
      const { stdout } = await fleet.sac(['logs', 'short']);
      return /Pane is dead/.test(stdout) && stdout;
    });
    expect(shown).toMatch(/^first\nlast\nPane is dead \(status 3.*\)\n$/);
    expect(await fleet.ok(['logs', 'short', '--tail', '2'])).toMatch(/^last\nPane is dead/);
    await fleet.ok(['restart', 'short']);
    const previous = await until('the run before', async () => {
      const { stdout } = await fleet.sac(['logs', 'short', '--previous', '--tail', '2']);
      return stdout;
    });
    expect(previous).toMatch(/^last\nPane is dead/);
    const listed = await fleet.sac(['cleanup', '--dry-run=server']);
    expect(listed.code).toBe(0);
    expect((await fleet.sac(['cleanup', '--dry-run=maybe'])).code).toBe(2);
  });
});

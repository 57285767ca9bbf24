import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';

let fleet: Fleet;
beforeEach(() => {
  fleet = new Fleet({}, { calls: 'here' });
});
afterEach(() => fleet[Symbol.asyncDispose]());

const budget = (spec: object) =>
  `${JSON.stringify({ apiVersion: 'sac/v1', kind: 'Budget', metadata: { name: 'team' }, spec })}\n`;
const running = async () =>
  (await fleet.json(['get', 'agents'])).items
    .filter(({ status }: { status: { phase: string } }) => status.phase === 'Running')
    .map(({ metadata }: { metadata: { name: string } }) => metadata.name);
const runs = (names: readonly string[]) =>
  until(`${names.join(' and ')} run`, async () => JSON.stringify(await running()) === JSON.stringify(names));

describe('a budget of running agents', () => {
  it('holds the newest, survives kill -9, shows it, and is overruled by resume', async () => {
    const flags = ['--agents-dir', fleet.agentsDir];
    const controller = await fleet.controller(flags);
    for (const name of ['a', 'b', 'c']) {
      fleet.write(`${name}.yaml`, execManifest(name, ['sleep', '600'], { place: { runtime: 'process' } }));
      await fleet.ok(['apply', '-f', `${name}.yaml`]);
    }
    await runs(['a', 'b', 'c']);
    fleet.write('budget.yaml', budget({ agents: 2, action: 'stop' }));
    expect(await fleet.ok(['apply', '-f', 'budget.yaml'])).toContain('budget/team created');
    await runs(['a', 'b']);
    // It is told as Stopping for as long as it takes to leave.
    await until('c to be held', async () => /^c +0\/0 +Held/m.test(await fleet.ok(['get', 'agent', 'c'])));
    expect(await fleet.ok(['status', 'c'])).toContain('held by budget/team: 3 of 2 agents');
    const row = await until('the budget tells', async () => {
      const [, line = ''] = (await fleet.ok(['get', 'budgets'])).split('\n');
      return / 2\/2 /.test(line) && line;
    });
    expect(row).toMatch(/^team +Exceeded +day +0 +\$0\.00 +2\/2 +stop +1 +\d+[smh]/);

    controller.kill('SIGKILL');
    await until('it is gone', () => controller.signalCode !== null);
    await fleet.controller(flags);
    await runs(['a', 'b']);
    // Applying the manifest again does not undo it; restarting it says why not.
    await fleet.ok(['apply', '-f', 'c.yaml']);
    expect((await fleet.here(['restart', 'c'])).stderr).toContain('held by budget/team');

    await fleet.ok(['stop', 'a', '--wait']);
    await runs(['b', 'c']);
    await fleet.ok(['start', 'a']);
    await until('a is held', async () => (await fleet.json(['get', 'agent', 'a'])).status.held !== undefined);
    expect(await fleet.ok(['resume', 'agent/a'])).toContain('agent/a resumed');
    await until('a runs', async () => (await running()).includes('a'));

    await fleet.ok(['delete', 'budget', 'team']);
    await runs(['a', 'b', 'c']);
  });

  it('is refused when it limits nothing or cannot be read', async () => {
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    fleet.write('bad.yaml', budget({ window: 'year', selector: 'a in b', timezone: 'Mars/Base' }));
    const { code, stderr } = await fleet.here(['apply', '-f', 'bad.yaml']);
    expect(code).not.toBe(0);
    for (const part of ['spec.window', 'spec.selector', 'spec.timezone', 'limits nothing'])
      expect(stderr).toContain(part);
  });
});

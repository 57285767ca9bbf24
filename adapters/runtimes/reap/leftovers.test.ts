import { expect, it } from 'vitest';
import { type FleetId, instanceId } from '../../../api/resources/names.ts';
import type { Transport } from '../../transport/transport.ts';
import { sharedLeftovers } from './leftovers.ts';

const FLEET = '0badcafe' as FleetId;
const owner = { fleet: FLEET, dirs: { run: '/nowhere/run', logs: '/nowhere/logs' } };

function machine() {
  const asked: string[] = [];
  const transport = {
    host: 'local',
    async run(argv: readonly string[]) {
      asked.push(argv[3] === 'sac-scan' ? `processes: ${argv[5]}` : argv.join(' '));
      return { code: 0, stdout: '900 901\n--\n', stderr: '' };
    },
  };
  return { asked, transport: transport as unknown as Transport };
}

it('looks once for all runtimes of a machine that sweep at the same time', async () => {
  const { asked, transport } = machine();
  const leftovers = sharedLeftovers();
  const over = new Map([[instanceId(FLEET, 'web'), 1]]);
  await Promise.all([1, 2, 3].map(() => leftovers(transport, owner).clear(over)));
  expect(asked.sort()).toEqual(['ls -- /nowhere/run/launch', 'processes: marks']);
});

it('has another for another machine', () => {
  const leftovers = sharedLeftovers();
  const { transport } = machine();
  expect(leftovers(transport, owner)).toBe(leftovers(transport, owner));
  expect(leftovers(transport, owner)).not.toBe(leftovers(machine().transport, owner));
});

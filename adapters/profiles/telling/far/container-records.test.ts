import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FleetId, instanceId } from '../../../../api/resources/names.ts';
import { type RunResult, type Transport, TransportError } from '../../../transport/transport.ts';
import { ContainerRecords, type ContainerTeller } from './container-records.ts';
import { FarListening } from './far-listening.ts';

let dir: string;
let asked: string[];
let answer: () => RunResult;
let far: FarListening;
let records: ContainerRecords;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-contained-'));
  asked = [];
  answer = () => ({ code: 0, stdout: '', stderr: '' });
  far = new FarListening(dir, () => undefined);
  records = new ContainerRecords(far);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const transport: Pick<Transport, 'run'> = {
  run: async (argv) => {
    asked.push(argv.slice(0, 4).join(' '));
    return answer();
  },
};
function teller(number: number): ContainerTeller {
  const name = `web-${number}`;
  far.begin(name);
  const store = { folder: 'records', files: 'x', holds: 'y' };
  const newest = { type: 'newest' as const, store, home: '', cwd: '/work', seconds: 1 };
  const id = instanceId('0123abcd' as FleetId, name);
  const exec = ['docker', 'exec', '-i', name];
  return {
    id,
    exec,
    transport,
    teller: { name, hasSpool: false, hasRecord: true, record: undefined, home: '', newest },
  };
}
const turns = async (tellers: readonly ContainerTeller[], count: number) => {
  const before = asked.length;
  for (let turn = 0; turn < count; turn++) await records.pull(tellers);
  return asked.slice(before);
};

it('only what was drawn anew is asked, in its container, and a few times', async () => {
  const one = teller(1);
  expect(await turns([one], 3)).toEqual([]);
  const look = {};
  records.seen(one.id, look);
  expect(await turns([one], 9)).toEqual(Array(3).fill('docker exec -i web-1'));
  records.seen(one.id, look);
  expect(await turns([one], 3)).toEqual([]);
  records.seen(one.id, {});
  expect(await turns([one], 9)).toHaveLength(3);
});

it('goes on while more comes, and while it cannot be asked', async () => {
  const one = teller(1);
  records.seen(one.id, {});
  answer = () => ({ code: 0, stdout: 'more\n', stderr: '' });
  expect(await turns([one], 9)).toHaveLength(9);
  answer = () => {
    throw new TransportError('timeout', 'no answer');
  };
  expect(await turns([one], 9)).toHaveLength(9);
  answer = () => ({ code: 127, stdout: '', stderr: 'no such program' });
  expect(await turns([one], 9)).toHaveLength(3);
});

it('however many there are, a turn asks few, and all have theirs', async () => {
  const many = Array.from({ length: 20 }, (_, number) => teller(number));
  for (const { id } of many) records.seen(id, {});
  expect(await turns(many, 1)).toHaveLength(8);
  expect(new Set([...asked, ...(await turns(many, 2))]).size).toBe(20);
});

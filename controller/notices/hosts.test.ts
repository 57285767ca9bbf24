import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hostManifestSchema } from '../../api/resources/kinds/host.ts';
import { notifierSpecSchema } from '../../api/resources/kinds/notifier.ts';
import { VirtualTime } from '../../sim/world/virtual-time.ts';
import { agentStatus, instanceStatus } from '../machine/status/status.ts';
import { HostConditions } from '../places/host-conditions.ts';
import { viewHost } from '../places/host-facts.ts';
import type { Machine } from '../places/machines.ts';
import { Database } from '../store/database.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import type { ObjectRecord, Store } from '../store/store.ts';
import { Notifiers } from './notifiers.ts';

const BEGIN = Date.parse('2026-03-01T12:00:00Z');
const CONNECTING = 'being connected';
const SPEC = hostManifestSchema.parse({ apiVersion: 'sac/v1', kind: 'Host', spec: { address: '192.0.2.1' } }).spec;
const LOCAL = { labels: {}, annotations: {}, generation: 1, createdAt: BEGIN, source: { kind: 'apply', name: 'cli' } };

let dir: string;
let time: VirtualTime;
let store: Store;
/** Why it cannot be reached. */
let problem: string | undefined;
let sent: string[];
let hosts: HostConditions;
let notifiers: Notifiers;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sac-hosts-'));
  time = new VirtualTime(BEGIN);
  sent = [];
  problem = undefined;
  await open();
});
afterEach(async () => {
  await close();
  rmSync(dir, { recursive: true, force: true });
});

/** A controller begins. */
async function open(): Promise<void> {
  const database = await Database.open(
    join(dir, 'sac.db'),
    () => undefined,
    () => 7,
  );
  database.takeOver(time.now());
  store = await openSqliteStore({ database, fleet: 'f', clock: time, status: { agentStatus, instanceStatus } });
  const startedAt = time.now();
  const log = (message: string) => void sent.push(message);
  hosts = new HostConditions({
    store,
    timers: time,
    log,
    hosts: () =>
      store.viewObjects('Host').map((declared) =>
        viewHost(machine(), declared, {
          ...{ fleet: 'f' as never, startedAt, version: 1, views: [], counts: new Map(), now: time.now() },
          kept: () => undefined,
        }),
      ),
  });
  notifiers = new Notifiers({
    ...{
      store,
      timers: time,
      fleet: 'f',
      random: () => 0,
      canonical: JSON.stringify,
      digest: (text: string) => text,
      log,
    },
    deliver: async (message) => {
      sent.push(...message.notices.map(({ status, kind, name, reason }) => `${status} ${kind}/${name} ${reason}`));
      return { type: 'delivered' };
    },
    unreadable: async () => undefined,
  });
}
async function close(): Promise<void> {
  await notifiers[Symbol.asyncDispose]();
  await hosts[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
}

function machine(): Machine {
  const places = [{ place: { host: 'gpu', runtime: 'tmux' }, runtime: {}, transport: {}, detail: '' }] as never;
  return {
    ...{ name: 'gpu' as never, spec: SPEC, labels: {} },
    ...(problem !== undefined && { problem }),
    ...(problem === CONNECTING
      ? { connecting: true }
      : { reached: { places, missing: new Map(), workspaces: '', userHome: '' } }),
  };
}

const put = (record: Pick<ObjectRecord, 'kind' | 'name' | 'spec'>) =>
  store.commit([{ type: 'put-object', expected: 0, record: { ...LOCAL, ...record, status: {} } as ObjectRecord }]);

/** Lets so much time pass, and everybody look. */
async function pass(ms: number): Promise<void> {
  await time.runUntil(time.now() + ms);
  await hosts.look();
  notifiers.look();
  await time.runUntil(time.now() + 1_000);
}

it('a host that is lost and comes back is told once each, however often the controller begins anew', async () => {
  const webhook = { url: 'https://hook' };
  const spec = notifierSpecSchema.parse({ webhook, conditions: [{ type: 'Ready', status: 'False', kinds: ['Host'] }] });
  await put({ kind: 'Host', name: 'gpu', spec: SPEC });
  await put({ kind: 'Notifier', name: 'hook', spec });
  await pass(1_000);
  expect(sent).toEqual([]);
  problem = 'no route to host';
  await pass(1_000);
  expect(sent).toEqual(['firing Host/gpu Unreachable']);
  const lostAt = store.objects('Host')[0]?.record.status;

  for (const now of [CONNECTING, 'connection refused']) {
    await close();
    problem = now;
    await open();
    await pass(60_000);
  }
  expect(sent).toHaveLength(1);
  expect(store.objects('Host')[0]?.record.status).toEqual(lostAt);

  await close();
  problem = undefined;
  await open();
  await pass(1_000);
  await pass(60_000);
  expect(sent).toEqual(['firing Host/gpu Unreachable', 'resolved Host/gpu Unreachable']);
  expect(store.events().map(({ reason, regarding, count }) => `${regarding.kind} ${reason} ${count}`)).toEqual([
    'Host HostLost 1',
    'Host HostReached 2',
  ]);
});

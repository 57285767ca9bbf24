import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentSpecSchema } from '../../api/resources/agent.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import { NEW_SNAPSHOT } from '../machine/snapshot.ts';
import { agentStatus, instanceStatus } from '../machine/status.ts';
import { Database } from './database.ts';
import { holdHome } from './lock.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { AgentRecord, InstanceRecord, RecordedEvent, Store, StoreEvent } from './store.ts';

let dir: string;
let now = 1_000;
const open: (Store | Database)[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-store-'));
  now = 1_000;
});
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const path = () => join(dir, 'sac.db');
const openDatabase = async (onCorrupt: (movedTo: string) => void = () => undefined) => {
  const database = await Database.open(path(), onCorrupt, () => 7);
  database.takeOver(now);
  return database;
};
const openStore = async (limits = {}) => {
  const store = await openSqliteStore({
    database: await openDatabase(),
    fleet: 'f',
    clock: { now: () => now },
    status: { agentStatus, instanceStatus },
    limits,
  });
  open.push(store);
  return store;
};
const agent = (name: string, more: Partial<AgentRecord> = {}): AgentRecord => ({
  name,
  labels: {},
  annotations: {},
  generation: 1,
  createdAt: now,
  source: { kind: 'apply', name: 'cli' },
  spec: agentSpecSchema.parse({ command: ['true'] }),
  lastApplied: { spec: {} },
  ...more,
});
const instance = (name: string, more: Partial<InstanceRecord> = {}): InstanceRecord => ({
  id: `f.${name}` as InstanceId,
  name,
  agent: name,
  createdAt: now,
  snapshot: NEW_SNAPSHOT,
  ...more,
});
const event = (message: string, name = 'web'): RecordedEvent => ({
  type: 'Normal',
  reason: 'Tested',
  message,
  at: now,
  regarding: { kind: 'Agent', name },
});
const put = (record: AgentRecord, expected: number) => ({ type: 'put-agent', expected, record }) as const;

describe('the store', () => {
  it('keeps what was committed, private to its owner', async () => {
    const store = await openStore();
    await store.commit(
      [put(agent('web'), 0), { type: 'put-instance', expected: 0, record: instance('web') }],
      [event('x')],
    );
    await open.pop()?.[Symbol.asyncDispose]();
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    const again = await openStore();
    expect(again.agent('web')?.record.name).toBe('web');
    expect(again.instancesOf('web')).toHaveLength(1);
    expect(again.events()).toHaveLength(1);
    expect(again.version).toBe(store.version);
  });

  it('refuses a writer that saw an old version, and writes nothing of it', async () => {
    const store = await openStore();
    const [version = 0] = await store.commit([put(agent('web'), 0)]);
    await expect(store.commit([put(agent('other'), 0), put(agent('web'), version + 1)])).rejects.toThrow(
      /changed meanwhile/,
    );
    await expect(store.commit([put(agent('web'), 0)])).rejects.toThrow(/exists already/);
    expect(store.agent('other')).toBe(undefined);
  });

  it('of two writers in one turn, one wins', async () => {
    const store = await openStore();
    const outcomes = await Promise.allSettled([
      store.commit([put(agent('web', { generation: 1 }), 0)]),
      store.commit([put(agent('web', { generation: 2 }), 0)]),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(store.agent('web')?.record.generation).toBe(1);
  });

  it('tells watchers everything in order, also from an old version, and says when too much is gone', async () => {
    const store = await openStore({ watchHistory: 8 });
    const seen: StoreEvent[] = [];
    const start = store.version;
    store.watch(start, (told) => seen.push(told));
    const [first = 0] = await store.commit([put(agent('web'), 0)]);
    const [second = 0] = await store.commit([put(agent('web', { generation: 2 }), first)]);
    await store.commit([{ type: 'delete-agent', expected: second, name: 'web' }]);
    expect(seen.map(({ type, object }) => `${type} ${object.kind} ${object.metadata.name}`)).toEqual([
      'ADDED Agent web',
      'MODIFIED Agent web',
      'DELETED Agent web',
    ]);
    expect(seen.map(({ object }) => ('generation' in object.metadata ? object.metadata.generation : 0))).toEqual([
      1, 2, 2,
    ]);
    const late: StoreEvent[] = [];
    store.watch(first, (told) => late.push(told));
    expect(late.map(({ type }) => type)).toEqual(['MODIFIED', 'DELETED']);
    for (let i = 0; i < 20; i++) await store.commit([put(agent(`a${i}`), 0)]);
    expect(() => store.watch(start, () => undefined)).toThrow(/list again/);
    expect(() => store.watch(store.version + 1, () => undefined)).toThrow(/list again/);
  });

  it('counts what happens again, and bounds what it keeps', async () => {
    const store = await openStore({ events: 10, eventsPerObject: 4 });
    for (let i = 0; i < 3; i++) await store.commit([], [event('same')]);
    expect(store.events()).toMatchObject([{ count: 3, message: 'same' }]);
    for (let i = 0; i < 9; i++) await store.commit([], [event(`m${i}`)]);
    expect(store.events().map(({ message }) => message)).toEqual(['m5', 'm6', 'm7', 'm8']);
    for (let i = 0; i < 30; i++) await store.commit([], [event('x', `a${i}`)]);
    expect(store.events()).toHaveLength(10);
  });

  it('a controller that was replaced writes nothing more', async () => {
    const store = await openStore();
    const rival = await openDatabase();
    open.push(rival);
    expect(() => store.assertNotFenced()).toThrow(/taken over/);
    await expect(store.commit([put(agent('web'), 0)])).rejects.toThrow(/taken over/);
    expect(store.agent('web')).toBe(undefined);
    expect((await rival.load()).agents).toEqual([]);
  });

  it('loses nothing acknowledged when its process is killed', async () => {
    const script = join(dir, 'writer.mts');
    writeFileSync(
      script,
      `import { Database } from ${JSON.stringify(join(import.meta.dirname, 'database.ts'))};
      const database = await Database.open(${JSON.stringify(path())}, () => undefined, Date.now); database.takeOver(1);
      for (let i = 1; ; i++) { database.write([{ table: 'agents', key: 'a' + i, version: i, document: '{}' }], i); process.stdout.write(i + '\\n'); }`,
    );
    const child = spawn(process.execPath, ['--import', 'tsx', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: import.meta.dirname,
    });
    let acknowledged = 0;
    await new Promise<void>((done) => {
      let text = '';
      child.stdout.on('data', (chunk) => {
        text += chunk;
        acknowledged = Number(text.trimEnd().split('\n').slice(0, -1).at(-1) ?? 0);
        if (acknowledged > 200) child.kill('SIGKILL');
      });
      child.on('close', () => done());
    });
    const database = await openDatabase();
    open.push(database);
    expect((await database.load()).agents.length).toBeGreaterThanOrEqual(acknowledged);
  });

  it('moves a damaged database aside and begins anew', async () => {
    writeFileSync(path(), 'this is no database, whatever it once was. '.repeat(200));
    let movedTo = '';
    const database = await openDatabase((to) => {
      movedTo = to;
    });
    open.push(database);
    expect(movedTo).toBe(`${path()}.corrupt-7`);
    expect(existsSync(movedTo)).toBe(true);
    expect((await database.load()).agents).toEqual([]);
  });

  it('notices that its file was deleted', async () => {
    const database = await openDatabase();
    open.push(database);
    database.heartbeat(now);
    for (const file of readdirSync(dir)) rmSync(join(dir, file));
    expect(() => database.heartbeat(now)).toThrow(/was deleted/);
  });
});

describe('the lock', () => {
  const options = (more = {}) => ({
    path: join(dir, 'lock'),
    database: path(),
    home: dir,
    pid: 42,
    now,
    takeover: false,
    ...more,
  });
  it('lets one in and names it to the others, until it leaves or is silent or replaced', async () => {
    const database = await openDatabase();
    open.push(database);
    const first = holdHome(options());
    expect(() => holdHome(options({ pid: 43 }))).toThrow(/pid 42.*--takeover/);
    holdHome(options({ pid: 44, takeover: true }))[Symbol.dispose]();
    holdHome(options({ pid: 45, now: now + 15_001 }))[Symbol.dispose]();
    first[Symbol.dispose]();
    holdHome(options({ pid: 46 }))[Symbol.dispose]();
  });
});

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SQLite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentSpecSchema } from '../../api/resources/agent/agent.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import { NEW_SNAPSHOT } from '../machine/snapshot.ts';
import { agentStatus, instanceStatus } from '../machine/status/status.ts';
import { Database } from './database.ts';
import { holdHome } from './lock.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { AgentRecord, Change, InstanceRecord, RecordedEvent, Store, StoreEvent } from './store.ts';
import { auditTo, openTokens } from './tokens.ts';
import { WatchHistory } from './watch-history.ts';

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
const openStore = async (limits = {}, given?: Database) => {
  const store = await openSqliteStore({
    database: given ?? (await openDatabase()),
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
const putInstance = (record: InstanceRecord, expected: number): Change => ({ type: 'put-instance', expected, record });
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

  it('rejects those whose writing failed, and only those, and keeps memory as the disk is', async () => {
    const database = await openDatabase();
    const store = await openStore({}, database);
    await store.commit([put(agent('before'), 0)]);
    // As when the disk is full: the transaction fails as a whole.
    const block = new SQLite(path());
    block.exec("create trigger full before insert on events begin select raise(abort, 'disk is full'); end");
    const failed = await Promise.allSettled([
      store.commit([put(agent('web'), 0)], [event('x')]),
      store.commit([put(agent('db'), 0)]),
      store.commit([put(agent('before'), 0)]),
    ]);
    expect(failed.map((one) => (one.status === 'rejected' ? String(one.reason) : ''))).toEqual([
      expect.stringContaining('disk is full'),
      expect.stringContaining('disk is full'),
      'ConflictError: before exists already',
    ]);
    block.exec('drop trigger full');
    block.close();
    expect([...store.agents()].map(({ record }) => record.name)).toEqual(['before']);
    expect(store.events()).toEqual([]);
    expect((await database.load()).agents).toHaveLength(1);
    await store.commit([put(agent('web'), 0)], [event('x')]);
    expect(store.events()).toMatchObject([{ count: 1 }]);
  });

  it('shows an agent by its last change, also when that was an instance that came or left', async () => {
    const store = await openStore();
    await store.commit([put(agent('web'), 0)]);
    const told: string[] = [];
    const watching = store.watch(store.version, ({ type, object, resourceVersion }) =>
      told.push(`${type} ${object.kind} ${resourceVersion === object.metadata.resourceVersion}`),
    );
    const [one = 0, two = 0] = await store.commit([
      putInstance(instance('web'), 0),
      putInstance(instance('web-1', { agent: 'web' }), 0),
    ]);
    expect(told).toEqual(['ADDED Instance true', 'ADDED Instance true', 'MODIFIED Agent true']);
    expect(store.viewAgent('web')?.metadata.resourceVersion).toBe(two);
    expect(store.viewAgent('web')).toBe(store.viewAgent('web'));
    const [gone = 0] = await store.commit([{ type: 'delete-instance', expected: two, id: instance('web-1').id }]);
    expect(store.viewAgent('web')).toMatchObject({ metadata: { resourceVersion: gone } });
    expect(store.instancesOf('web').map(({ record }) => record.name)).toEqual(['web']);
    watching[Symbol.dispose]();
    await store.commit([{ type: 'delete-instance', expected: one, id: instance('web').id }]);
    expect(told).toHaveLength(5);
  });

  it('tells one that joins while others are told nothing twice', async () => {
    const database = await openDatabase();
    const store = await openStore({}, database);
    const late: string[] = [];
    const seen: string[] = [];
    const begin = store.version;
    store.watch(begin, ({ object }) => {
      seen.push(object.metadata.name);
      if (seen.length === 1) store.watch(begin, (told) => late.push(told.object.metadata.name));
    });
    await store.commit([put(agent('a'), 0), put(agent('b'), 0)]);
    expect([seen, late]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('tells the others although one watcher breaks, and does not hide that it did', () => {
    const history = new WatchHistory(8, 0);
    const seen: number[] = [];
    history.watch(0, () => {
      throw new Error('broken watcher');
    });
    history.watch(0, ({ resourceVersion }) => seen.push(resourceVersion));
    const told = (resourceVersion: number): StoreEvent => ({
      type: 'ADDED',
      resourceVersion,
      get object(): never {
        throw new Error('not looked at');
      },
    });
    expect(() => history.tell([told(1), told(2)], 2)).toThrow('broken watcher');
    history.tell([told(3)], 3);
    expect(seen).toEqual([1, 2, 3]);
  });

  it('writes a thousand concurrent commits in one transaction', async () => {
    const store = await openStore();
    await store.commit(Array.from({ length: 1_000 }, (_, i) => put(agent(`a${i}`), 0)));
    const versions = new Set<number>();
    const begun = performance.now();
    const turns: number[] = [];
    await Promise.all(
      Array.from({ length: 1_000 }, async (_, i) => {
        const [version = 0] = await store.commit([putInstance(instance(`a${i}`), 0)], [event('Started.', `a${i}`)]);
        versions.add(version);
        turns.push(store.version);
      }),
    );
    if (process.env['SAC_TEST_TIMES']) console.log(`1000 commits: ${Math.round(performance.now() - begun)} ms`);
    expect(versions.size).toBe(1_000);
    expect(new Set(turns).size).toBe(1);
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

  it('holds its bounds also within one transaction, and forgets what is a week old', async () => {
    const store = await openStore({ events: 10, eventsPerObject: 4 });
    await store.commit(
      [],
      Array.from({ length: 9 }, (_, i) => event(`m${i}`)),
    );
    expect(store.events().map(({ message }) => message)).toEqual(['m5', 'm6', 'm7', 'm8']);
    await store.commit(
      [],
      Array.from({ length: 30 }, (_, i) => event('x', `a${i}`)),
    );
    expect(store.events()).toHaveLength(10);
    now += 8 * 86_400_000;
    await store.commit([], [event('new'), event('y'.repeat(5_000))]);
    expect(store.events().map(({ message }) => message.length)).toEqual([3, 1_024]);
    await open.pop()?.[Symbol.asyncDispose]();
    expect((await openStore()).events()).toHaveLength(2);
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
      `import { agentStatus, instanceStatus } from ${JSON.stringify(join(import.meta.dirname, '../machine/status/status.ts'))};
      import { Database } from ${JSON.stringify(join(import.meta.dirname, 'database.ts'))};
      import { openSqliteStore } from ${JSON.stringify(join(import.meta.dirname, 'sqlite-store.ts'))};
      const database = await Database.open(${JSON.stringify(path())}, () => undefined, Date.now);
      database.takeOver(1);
      const store = await openSqliteStore({ database, fleet: 'f', clock: Date, status: { agentStatus, instanceStatus } });
      const record = ${JSON.stringify(agent('x'))};
      for (let i = 0; ; i += 3) {
        const three = [i, i + 1, i + 2].map((n) => store.commit([{ type: 'put-agent', expected: 0, record: { ...record, name: 'a' + n } }]));
        await Promise.all(three);
        process.stdout.write(i + 3 + '\\n');
      }`,
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
        if (acknowledged > 300) child.kill('SIGKILL');
      });
      child.on('close', () => done());
    });
    const database = await openDatabase();
    open.push(database);
    const left = (await database.load()).agents.length;
    expect(acknowledged).toBeGreaterThan(300);
    expect(left).toBeGreaterThanOrEqual(acknowledged);
    // A transaction is there as a whole or not at all.
    expect(left % 3).toBe(0);
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

  it('moves a database with damaged documents aside too', async () => {
    const database = await openDatabase();
    database.write([{ table: 'agents', key: 'a', version: 1, document: '{"name":' }], 1);
    await database[Symbol.asyncDispose]();
    let movedTo = '';
    open.push(
      await openDatabase((to) => {
        movedTo = to;
      }),
    );
    expect(movedTo).not.toBe('');
  });

  it('refuses the database of a newer sac, and leaves it as it is', async () => {
    await (await openDatabase())[Symbol.asyncDispose]();
    const sqlite = new SQLite(path());
    sqlite.exec("update meta set value = '99' where key = 'schema'");
    sqlite.close();
    const before = readFileSync(path());
    await expect(openDatabase()).rejects.toThrow(/newer sac \(schema 99/);
    expect(readFileSync(path()).equals(before)).toBe(true);
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
    expect(first.tookOver).toBe(false);
    expect(() => holdHome(options({ pid: 43 }))).toThrow(/pid 42.*--takeover/);
    holdHome(options({ pid: 44, takeover: true }))[Symbol.dispose]();
    holdHome(options({ pid: 45, now: now + 15_001 }))[Symbol.dispose]();
    first[Symbol.dispose]();
    holdHome(options({ pid: 46 }))[Symbol.dispose]();
  });

  it('counts a holder that only just began, and has no heartbeat yet, as alive', () => {
    const first = holdHome(options({ now: 1_000_000 }));
    expect(() => holdHome(options({ pid: 43, now: 1_000_000 }))).toThrow(/pid 42/);
    first[Symbol.dispose]();
  });

  it('is got by who took over as soon as the replaced one lets go', () => {
    const first = holdHome(options());
    const second = holdHome(options({ pid: 43, takeover: true }));
    expect(second.tookOver).toBe(true);
    second.secure();
    first[Symbol.dispose]();
    second.secure();
    expect(() => holdHome(options({ pid: 44 }))).toThrow(/pid 43/);
    second[Symbol.dispose]();
    holdHome(options({ pid: 44 }))[Symbol.dispose]();
  });

  it('dies with its holder', async () => {
    const script = join(dir, 'holder.mts');
    writeFileSync(
      script,
      `import { holdHome } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))};
      holdHome({ ...${JSON.stringify(options())}, pid: process.pid }); process.stdout.write('held\\n'); setInterval(() => {}, 1000);`,
    );
    const child = spawn(process.execPath, ['--import', 'tsx', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: import.meta.dirname,
    });
    const ended = new Promise<void>((done) => child.on('close', () => done()));
    await new Promise<void>((held) => child.stdout.once('data', () => held()));
    expect(() => holdHome(options())).toThrow(new RegExp(`pid ${child.pid}`));
    child.kill('SIGKILL');
    await ended;
    const next = holdHome(options());
    expect(next.tookOver).toBe(false);
    next[Symbol.dispose]();
  });
});

describe('tokens and the audit log', () => {
  const token = {
    id: 't1',
    role: 'viewer',
    description: '',
    createdAt: '2026-01-01T00:00:00.000Z',
    hash: 'ab',
  } as const;
  it('outlive the controller; only hashes are kept', async () => {
    const database = await openDatabase();
    const tokens = await openTokens(database);
    await tokens.add(token);
    await tokens.add({ ...token, id: 't2' });
    expect(await tokens.remove('t2')).toBe(true);
    expect(await tokens.remove('t2')).toBe(false);
    await database[Symbol.asyncDispose]();
    const again = await openDatabase();
    open.push(again);
    expect((await openTokens(again)).list()).toEqual([token]);
  });

  it('appends a line an entry, for the owner only, and begins a new file when it is large', () => {
    const file = join(dir, 'audit.log');
    const errors: unknown[] = [];
    const audit = auditTo(file, (error) => errors.push(error));
    const entry = {
      at: 'now',
      who: 'me',
      role: 'admin',
      from: 'socket',
      verb: 'delete',
      object: 'agents/a\nb',
      result: 200,
    } as const;
    audit(entry);
    audit(entry);
    expect(
      readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([entry, entry]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    writeFileSync(file, 'x'.repeat(17 * 1024 * 1024));
    audit(entry);
    expect(readFileSync(file, 'utf8')).toBe(`${JSON.stringify(entry)}\n`);
    expect(statSync(`${file}.1`).size).toBe(17 * 1024 * 1024);
    expect(errors).toEqual([]);
  });
});

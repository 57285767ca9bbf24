/**
 * Owns: taking a home: its lock, its fleet's name, its database and what is kept in it, in the order that makes them safe.
 * Never: looks at where agents live.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { assertPrivate, type Home } from '../../api/home.ts';
import type { FleetId } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { Tokens } from '../../api/server/ports.ts';
import { fleetIdOf } from '../fleet-id.ts';
import { agentStatus, instanceStatus } from '../machine/status/status.ts';
import { Database } from '../store/database.ts';
import { type Hold, holdHome } from '../store/lock.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import type { Store } from '../store/store.ts';
import { openTokens } from '../store/tokens.ts';

export interface OpenedHome {
  readonly lock: Hold;
  readonly fleet: FleetId;
  readonly database: Database;
  /** Whether where agents live was forgotten; see Database.forgot. */
  readonly forgot: boolean;
  readonly store: Store;
  readonly tokens: Tokens;
}

/** Throws SacError when the folders are open to others, another controller has the home, or its disk takes nothing. */
export async function openHome(
  home: Home,
  options: {
    readonly takeover: boolean;
    readonly now: () => Instant;
    readonly log: (message: string, fields: Record<string, unknown>) => void;
  },
): Promise<OpenedHome> {
  const { takeover, now, log } = options;
  for (const folder of home.folders) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    assertPrivate(folder);
  }
  const lock = holdHome({
    path: home.lock,
    database: home.db,
    home: home.root,
    pid: process.pid,
    now: now(),
    takeover,
  });
  const isOldHome = existsSync(home.fleetFile);
  const fleet = fleetIdOf(home);
  const database = await Database.open(
    home.db,
    (movedTo, why) =>
      log('the database could not be read; it was moved aside and begun anew. Agents are adopted as they are found', {
        movedTo,
        why,
      }),
    now,
  );
  database.takeOver(now());
  const forgot = database.forgot(isOldHome);
  const store = await openSqliteStore({ database, fleet, clock: { now }, status: { agentStatus, instanceStatus } });
  return { lock, fleet, database, forgot, store, tokens: await openTokens(database) };
}

/**
 * Owns: tokens and the audit log on disk.
 * Never: stores a token itself, only its hash.
 */
import { appendFileSync, renameSync, statSync } from 'node:fs';
import type { AuditEntry, StoredToken, Tokens } from '../../api/server/ports.ts';
import type { Database } from './database.ts';

export async function openTokens(database: Database): Promise<Tokens> {
  const tokens = new Map<string, StoredToken>();
  for (const { document } of await database.loadTokens()) {
    const token: StoredToken = JSON.parse(document);
    tokens.set(token.id, token);
  }
  return {
    list: () => [...tokens.values()],
    async add(token) {
      database.putToken(token.id, JSON.stringify(token));
      tokens.set(token.id, token);
    },
    async remove(id) {
      if (!tokens.has(id)) return false;
      database.removeToken(id);
      tokens.delete(id);
      return true;
    },
    touch(id, at) {
      // In memory only: use is also in the audit log, and a write a request would cost more than it tells.
      const token = tokens.get(id);
      if (token) tokens.set(id, { ...token, lastUsedAt: at });
    },
  };
}

const AUDIT_MAX_BYTES = 16 * 1024 * 1024;

/** Appends one JSON line an entry, 0600; at 16 MiB the file is moved to `.1`, the one before is dropped. */
export const auditTo =
  (path: string, onError: (error: unknown) => void) =>
  (entry: AuditEntry): void => {
    try {
      if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > AUDIT_MAX_BYTES) renameSync(path, `${path}.1`);
      appendFileSync(path, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
    } catch (error) {
      onError(error);
    }
  };

/**
 * Owns: the fleet id: which things in the world belong to this SAC_HOME.
 * Never: random. Derived from machine, user and home, and then kept in a file, so that losing the database changes nothing.
 */
import { createHash } from 'node:crypto';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Home } from '../api/home.ts';
import type { FleetId } from '../api/resources/names.ts';

const FLEET = /^[0-9a-f]{8}$/;

const readOptional = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
};

/** Throws when the fleet file holds anything but a fleet id: a wrong guess would orphan every agent. */
export function fleetIdOf(home: Home): FleetId {
  const kept = readOptional(home.fleetFile);
  if (kept !== undefined) {
    if (!FLEET.test(kept))
      throw new Error(
        `${home.fleetFile} does not hold a fleet id (8 hex digits). Restore it, or delete it if no agents of this home run.`,
      );
    return kept as FleetId;
  }
  const machine = readOptional('/etc/machine-id') ?? hostname();
  const derived = createHash('sha256')
    .update([machine, String(process.getuid?.() ?? ''), realpathSync(home.root)].join('\0'))
    .digest('hex')
    .slice(0, 8);
  writeFileSync(home.fleetFile, `${derived}\n`, { mode: 0o600, flag: 'wx' });
  return derived as FleetId;
}

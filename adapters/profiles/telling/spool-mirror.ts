/**
 * Owns: copies on this machine of spools that grow on another: one command a look, however many agents.
 * Never: takes a name or a path from over there; what is copied is read like any spool, as told by a stranger.
 *
 * Bound: PART_BYTES an agent and look; a copy is as long as its spool may be.
 */
import { appendFile, writeFile } from 'node:fs/promises';
import type { Transport } from '../../transport/transport.ts';

const PART_BYTES = 262_144;
/** sh -c PULL sac-spools DIR LIMIT (NAME OFFSET)...: for each that grew `NAME FROM BASE64`. FROM 0: it began anew. */
const PULL = `
cd -- "$1" 2>/dev/null || exit 0
limit=$2; shift 2
while [ $# -ge 2 ]; do
  name=$1 from=$2; shift 2
  [ -f "$name.spool" ] || continue
  size=$(wc -c <"$name.spool") || continue
  [ "$size" -ge "$from" ] || from=0
  [ "$size" -gt "$from" ] || continue
  printf '%s %s %s\\n' "$name" "$from" "$(tail -c "+$((from + 1))" -- "$name.spool" | head -c "$limit" | base64 | tr -d '\\n')"
done
exit 0
`;

export class SpoolMirror {
  readonly #dir: string;
  /** How much of each was copied. Not known of a copy that an earlier process made: it is made anew. */
  readonly #copied = new Map<string, number>();

  /** `dir`: where the copies are kept, `<name>.spool`. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Copies on what grew below `folder` over there. Throws TransportError. Not to be called again for the same names before it has answered. */
  async pull(t: Transport, folder: string, names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const asked = new Set(names);
    const known = names.flatMap((name) => [name, String(this.#copied.get(name) ?? 0)]);
    for (const name of this.#copied.keys()) if (!asked.has(name)) this.#copied.delete(name);
    const { stdout } = await t.run(['sh', '-c', PULL, 'sac-spools', folder, String(PART_BYTES), ...known]);
    for (const line of stdout.split('\n')) {
      const [name = '', from, text = ''] = line.split(' ');
      if (!asked.delete(name)) continue;
      const bytes = Buffer.from(text, 'base64').subarray(0, PART_BYTES);
      const before = from === '0' ? 0 : (this.#copied.get(name) ?? 0);
      const file = `${this.#dir}/${name}.spool`;
      await (before === 0 ? writeFile(file, bytes, { mode: 0o600 }) : appendFile(file, bytes));
      this.#copied.set(name, before + bytes.length);
    }
  }
}

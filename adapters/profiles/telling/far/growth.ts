/**
 * Owns: asking another machine what some files there grew by: one command, however many files.
 * Never: follows a record out of its agent's home, or believes an answer to be what it was asked for.
 *
 * Bound: PART_BYTES a file, TOTAL_BYTES a command; what is over comes with the next.
 */
import type { Transport } from '../../../transport/transport.ts';
import type { RecordStore } from '../newest-record.ts';

/** A file, and how much of it is known; `inode` "": nothing. */
export interface Growing {
  readonly file: GrowingFile;
  /** As it was answered last; another file may have the inode by now. */
  readonly path: string;
  readonly inode: string;
  readonly offset: number;
}

export type GrowingFile =
  /** One of our own; absolute. */
  | { readonly type: 'ours'; readonly path: string }
  /** A record that the agent itself named: read below `home` alone. `home` "": that of the user agents run as there. */
  | { readonly type: 'named'; readonly path: string; readonly home: string }
  /** The newest record of a working directory, written within so many seconds. */
  | {
      readonly type: 'newest';
      readonly store: RecordStore;
      readonly home: string;
      readonly cwd: string;
      readonly seconds: number;
    };

export interface Growth {
  readonly path: string;
  readonly inode: string;
  /** Where `bytes` begin; 0: the file, or another under the name, begins anew. */
  readonly from: number;
  readonly bytes: Buffer;
}

export const PART_BYTES = 524_288;
export const TOTAL_BYTES = 8_388_608;

/**
 * sh -c GROWTH sac-growth PART TOTAL; stdin: twelve lines a file: type, path, home, folder, files, text before and after the
 * working directory, working directory, seconds; then known path, inode and offset. Answers `NUMBER INODE FROM PATH BYTES`, the last two in base64.
 */
const GROWTH = `
exec 3<&0 </dev/null
part=$1 left=$2 number=-1 now=$(date +%s)
newest() {
  pwd=$(cd -- "$cwd" 2>/dev/null && pwd -P) || pwd=$cwd
  text=$before$(printf %s "$pwd" | sed 's/[\\\\"]/\\\\&/g')$after
  path=$(find "$home/$folder" -type f -mmin "-$((seconds / 60 + 2))" -exec stat -c '%Y %n' {} + 2>/dev/null |
    awk -v since="$((now - seconds))" '$1 >= since' | grep -E -e "$files" | sort -rn | head -n 20 | cut -d ' ' -f 2- |
    while IFS= read -r one; do
      head -c 65536 -- "$one" 2>/dev/null | grep -qF -e "$text" && { printf '%s\\n' "$one"; break; }
    done)
}
while IFS= read -r type <&3 && IFS= read -r path <&3 && IFS= read -r home <&3 && IFS= read -r folder <&3 &&
  IFS= read -r files <&3 && IFS= read -r before <&3 && IFS= read -r after <&3 && IFS= read -r cwd <&3 &&
  read -r seconds <&3 && IFS= read -r known <&3 && read -r inode <&3 && read -r from <&3
do
  number=$((number + 1))
  [ "$left" -gt 0 ] || break
  : "\${home:=\${HOME:-/}}"
  if [ "$type" = newest ]; then newest; fi
  [ -f "$path" ] || continue
  if [ "$type" != ours ]; then
    real=$(readlink -f -- "$path") below=$(readlink -f -- "$home")
    case $real in "$below"/*.jsonl) path=$real ;; *) continue ;; esac
  fi
  set -- $(stat -L -c '%i %s' -- "$path")
  [ "$path" = "$known" ] && [ "$1" = "$inode" ] && [ "$2" -ge "$from" ] || from=0
  [ "$2" -gt "$from" ] || continue
  size=$(($2 - from))
  [ "$size" -le "$part" ] || size=$part
  printf '%s %s %s %s %s\\n' "$number" "$1" "$from" "$(printf %s "$path" | base64 | tr -d '\\n')" "$(tail -c "+$((from + 1))" -- "$path" | head -c "$size" | base64 | tr -d '\\n')"
  left=$((left - size))
done
exit 0
`;

/** What grew, by its number in `files`. Throws TransportError. */
export async function growthOf(
  t: Pick<Transport, 'run'>,
  files: readonly Growing[],
): Promise<ReadonlyMap<number, Growth>> {
  const grown = new Map<number, Growth>();
  // A line break would make two words of one.
  const asked = files.flatMap((one, number) => (/[\n\0]/.test(wordsOf(one).join('')) ? [] : [{ one, number }]));
  if (asked.length === 0) return grown;
  const { stdout } = await t.run(['sh', '-c', GROWTH, 'sac-growth', String(PART_BYTES), String(TOTAL_BYTES)], {
    stdin: `${asked.flatMap(({ one }) => wordsOf(one)).join('\n')}\n`,
  });
  for (const line of stdout.split('\n')) {
    const [place = '', inode = '', from, path = '', text = ''] = line.split(' ');
    const found = /^\d+$/.test(place) ? asked[Number(place)] : undefined;
    if (!found || grown.has(found.number)) continue;
    const { offset } = found.one;
    // Only what follows on what is known, or begins anew, can be put to use.
    if (from !== '0' && (from !== String(offset) || inode !== found.one.inode)) continue;
    const bytes = Buffer.from(text, 'base64').subarray(0, PART_BYTES);
    grown.set(found.number, { path: Buffer.from(path, 'base64').toString(), inode, from: Number(from), bytes });
  }
  return grown;
}

function wordsOf({ file, path, inode, offset }: Growing): readonly string[] {
  const known = [path, inode, String(offset)];
  switch (file.type) {
    case 'ours':
      return [file.type, file.path, '', '', '', '', '', '', '0', ...known];
    case 'named':
      return [file.type, file.path, file.home, '', '', '', '', '', '0', ...known];
    case 'newest': {
      const { store, home, cwd, seconds } = file;
      const [before = '', after = ''] = store.holds.split('{pwd}');
      return [file.type, '', home, store.folder, store.files, before, after, cwd, String(Math.ceil(seconds)), ...known];
    }
  }
}

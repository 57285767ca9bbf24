/**
 * Owns: asking another machine for databases that changed there: one command, however many.
 * Never: follows a database out of its agent's home, or hands on one that was checkpointed while it was copied.
 *
 * Bound: COPY_BYTES a command, in base64 less than what a transport lets a command say.
 */
import type { Transport } from '../../../transport/transport.ts';

/** A database below a home, and how its files looked when they were fetched; "": not yet. */
export interface AskedDatabase {
  /** "": that of the user agents run as there. */
  readonly home: string;
  /** Below the home. */
  readonly file: string;
  readonly main: string;
  readonly journal: string;
  /** Working directories that are to be resolved there. */
  readonly cwds: readonly string[];
}

export type DatabaseAnswer =
  /** `undefined`: that file is as it was. A journal of no bytes is none. */
  | { readonly type: 'changed'; readonly main: FilePart | undefined; readonly journal: FilePart | undefined }
  /** It was written while it was copied. */
  | { readonly type: 'torn'; readonly bytes: number }
  | { readonly type: 'large'; readonly bytes: number };

export interface FilePart {
  readonly look: string;
  readonly bytes: Buffer;
}

export interface DatabaseAnswers {
  /** By their number among those that were asked for. */
  readonly databases: ReadonlyMap<number, DatabaseAnswer>;
  /** Resolved, by what was asked. */
  readonly cwds: ReadonlyMap<string, string>;
}

export const COPY_BYTES = 41_943_040;
/** A slow line brings so much in this time at 6 Mbit/s. */
const COPY_MS = 60_000;

/**
 * sh -c DATABASES sac-databases MOST; stdin: `database` and four lines (home, file, looks known of it and of its journal), or `folder`
 * and one. Answers `NUMBER WORD ...` with looks and bytes in base64; `same` follows what was copied from a file that was not written
 * meanwhile. What is too large is said on stderr: it is no growth, for which a container would be asked again at once.
 */
const DATABASES = `
exec 3<&0 </dev/null
most=$1 left=$1 number=-1
look() { stat -c '%i %s %y' -- "$1" 2>/dev/null || echo none; }
word() { printf %s "$1" | base64 | tr -d '\\n'; }
part() {
  printf '%s %s %s ' "$number" "$1" "$(word "$3")"
  head -c "$4" -- "$2" 2>/dev/null | base64 | tr -d '\\n'
  echo
}
while IFS= read -r type <&3; do
  number=$((number + 1))
  if [ "$type" = folder ]; then
    IFS= read -r cwd <&3
    pwd=$(cd -- "$cwd" 2>/dev/null && pwd -P) && printf '%s folder %s\\n' "$number" "$(word "$pwd")"
    continue
  fi
  IFS= read -r home <&3 && IFS= read -r file <&3 && IFS= read -r main <&3 && IFS= read -r journal <&3 || break
  : "\${home:=\${HOME:-/}}"
  real=$(readlink -f -- "$home/$file") below=$(readlink -f -- "$home")
  case $real in "$below"/*) ;; *) continue ;; esac
  [ -f "$real" ] && [ ! -L "$real-wal" ] || continue
  [ ! -e "$real-wal" ] || [ -f "$real-wal" ] || continue
  one=$(look "$real") two=$(look "$real-wal")
  [ "$one" != "$main" ] || [ "$two" != "$journal" ] || continue
  first=0 second=0
  if [ "$one" != "$main" ]; then set -- $one; first=$2; fi
  if [ "$two" != "$journal" ] && [ "$two" != none ]; then set -- $two; second=$2; fi
  if [ "$((first + second))" -gt "$most" ]; then echo "$number large $((first + second))" >&2; continue; fi
  [ "$((first + second))" -le "$left" ] || continue
  left=$((left - first - second))
  if [ "$one" != "$main" ]; then part main "$real" "$one" "$first"; fi
  if [ "$two" != "$journal" ]; then part journal "$real-wal" "$two" "$second"; fi
  [ "$(look "$real")" != "$one" ] || echo "$number same"
done
exit 0
`;

/** What changed of them. Throws TransportError. */
export async function databasesOf(
  t: Pick<Transport, 'run'>,
  asked: readonly AskedDatabase[],
): Promise<DatabaseAnswers> {
  // A line break would make two words of one.
  const oneLine = (...words: readonly string[]): boolean => !/[\n\0]/.test(words.join(''));
  const folders = [...new Set(asked.flatMap(({ cwds }) => cwds))].filter((cwd) => oneLine(cwd));
  const databases = asked.flatMap((one, number) => (oneLine(one.home, one.file) ? [{ one, number }] : []));
  const answers = { databases: new Map<number, DatabaseAnswer>(), cwds: new Map<string, string>() };
  if (databases.length === 0) return answers;
  const words = [
    ...folders.flatMap((cwd) => ['folder', cwd]),
    ...databases.flatMap(({ one }) => ['database', one.home, one.file, one.main, one.journal]),
  ];
  const { stdout, stderr } = await t.run(['sh', '-c', DATABASES, 'sac-databases', String(COPY_BYTES)], {
    stdin: `${words.join('\n')}\n`,
    timeoutMs: COPY_MS,
  });
  const parts = new Map<string, FilePart>();
  for (const line of [...stdout.split('\n'), ...stderr.split('\n')]) {
    const [place = '', word = '', first = '', bytes = ''] = line.split(' ');
    if (!/^\d+$/.test(place)) continue;
    const folder = folders[Number(place)];
    if (word === 'folder' && folder !== undefined) answers.cwds.set(folder, textOf(first));
    const number = databases[Number(place) - folders.length]?.number;
    if (number === undefined) continue;
    const [main, journal] = [parts.get(`${number} main`), parts.get(`${number} journal`)];
    switch (word) {
      case 'large':
        answers.databases.set(number, { type: 'large', bytes: Number(first) || 0 });
        break;
      case 'main':
      case 'journal': {
        const part = { look: lookOf(first), bytes: Buffer.from(bytes, 'base64') };
        parts.set(`${number} ${word}`, part);
        answers.databases.set(number, { type: 'torn', bytes: part.bytes.length + (main?.bytes.length ?? 0) });
        break;
      }
      case 'same':
        answers.databases.set(number, { type: 'changed', main, journal });
    }
  }
  return answers;
}

const textOf = (base64: string): string => Buffer.from(base64, 'base64').toString();
/** It is sent back as one line of a question. */
const lookOf = (base64: string): string =>
  textOf(base64)
    .replace(/[\n\0]/g, ' ')
    .slice(0, 200);

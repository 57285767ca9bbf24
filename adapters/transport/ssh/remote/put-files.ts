/**
 * Owns: writing files over there so that they are seen complete, with their mode, or not at all; many in one round trip.
 * Needs sh, mkdir, chmod and mv, no SFTP. Never: leaves a temporary file behind while it can be asked.
 */
import { randomBytes } from 'node:crypto';
import { quoteWord } from '../../quote.ts';
import { type FileToPut, type RunResult, TransportError } from '../../transport.ts';
import { escapeBytes } from './encoding.ts';

/** Content up to here goes together with others, a line a file; more goes alone, as a stream. */
const SMALL = 64 * 1024;
/** So much goes in one script at most. */
const BATCH = 512 * 1024;

type RunScript = (script: string, input: string | Uint8Array) => Promise<RunResult>;

interface Waiting {
  readonly file: FileToPut;
  readonly resolve: () => void;
  readonly reject: (error: TransportError) => void;
}

/** Gathers what is asked for in one turn. */
export class FileBatch {
  readonly #run: RunScript;
  #waiting: Waiting[] = [];

  constructor(run: RunScript) {
    this.#run = run;
  }

  /** Rejects with TransportError naming the first file that could not be written; the others are written. */
  async put(files: readonly FileToPut[]): Promise<void> {
    const outcomes = await Promise.allSettled(files.map((file) => this.#one(file)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  #one(file: FileToPut): Promise<void> {
    if (Buffer.byteLength(file.content) > SMALL) return this.#alone(file);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ file, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const all = this.#waiting;
    this.#waiting = [];
    let batch: Waiting[] = [];
    let size = 0;
    for (const one of all) {
      batch.push(one);
      size += one.file.content.length;
      if (size < BATCH) continue;
      void this.#together(batch);
      batch = [];
      size = 0;
    }
    if (batch.length > 0) void this.#together(batch);
  }

  async #together(batch: readonly Waiting[]): Promise<void> {
    try {
      const script = [PUT, ...batch.map(({ file }) => `IFS= read -r c; ${call(file, 'line')}`)].join('\n');
      const { stdout, stderr } = await this.#run(
        script,
        batch.map(({ file }) => `${escapeBytes(file.content)}\n`).join(''),
      );
      const answers = stdout.split('\0');
      for (const [i, { file, resolve, reject }] of batch.entries()) {
        const answer = answers[i];
        if (answer === '') resolve();
        else reject(refused(file, answer ?? stderr));
      }
    } catch (error) {
      for (const { file, reject } of batch) reject(failed(file, error));
    }
  }

  async #alone(file: FileToPut): Promise<void> {
    const { stdout, stderr } = await this.#run(`${PUT}\n${call(file, 'stream')}`, file.content).catch(
      (error: unknown) => {
        throw failed(file, error);
      },
    );
    const [answer] = stdout.split('\0');
    if (answer !== '') throw refused(file, answer ?? stderr);
  }
}

const refused = ({ path }: FileToPut, why: string): TransportError =>
  new TransportError('unreachable', `cannot write ${path}: ${why.trim() || 'no answer'}`);

const failed = ({ path }: FileToPut, error: unknown): TransportError =>
  error instanceof TransportError
    ? new TransportError(error.kind, `cannot write ${path}: ${error.message}`, { cause: error })
    : new TransportError('unreachable', `cannot write ${path}: ${String(error)}`, { cause: error });

function call({ path, mode }: FileToPut, source: 'line' | 'stream'): string {
  if (!path.startsWith('/')) throw new RangeError(`${path} is not an absolute path`);
  const slash = path.lastIndexOf('/');
  const folder = path.slice(0, slash) || '/';
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const mask = (~mode & 0o777).toString(8).padStart(3, '0');
  // A shell makes files without execute permission.
  const chmod = (mode & 0o111) === 0 && (mode & 0o7000) === 0 ? '' : (mode & 0o7777).toString(8);
  return `put ${[path, folder, temporary, mask, chmod, source].map(quoteWord).join(' ')}`;
}

/**
 * put PATH FOLDER TEMPORARY UMASK MODE SOURCE: writes $c or what is left of stdin; prints what went wrong, and NUL.
 * `set -C`: the temporary file is made here or not at all.
 */
const PUT = `
put() {
  e=$( {
    if [ -d "$1" ]; then echo 'it is a folder' >&2; exit 1; fi
    [ -d "$2" ] || (umask 077; mkdir -p -- "$2") || exit 1
    umask "$4"; set -C
    case $6 in
      line) printf %b "$c" > "$3" ;;
      *) cat > "$3" ;;
    esac && { [ -z "$5" ] || chmod -- "$5" "$3"; } && mv -f -- "$3" "$1" && exit 0
    rm -f -- "$3"; exit 1
  } 2>&1 ) && printf '\\0' || printf '%s\\0' "\${e:-failed}"
}`;

/**
 * Owns: how git is run: a bare environment, no configuration but ours, no hooks, filters, prompts, submodules; bounded in time and size.
 * Never: lets anything of a repository, or of the user's own git configuration, decide what is executed.
 */
import { type Env, type Transport, TransportError } from '../../../../adapters/transport/transport.ts';
import type { DurationMs } from '../../../../api/resources/time.ts';
import { GitError, gitErrorFrom, TooLargeError } from './git-error.ts';

/** Protocols that are only taken when the controller was told so. */
export type ExtraProtocol = 'file' | 'http';

/** `SAC_GIT_ALLOW=file,http`. */
export const extraProtocols = (allowed: string | undefined): readonly ExtraProtocol[] =>
  (['file', 'http'] as const).filter((protocol) => allowed?.split(',').includes(protocol));

export interface GitCommandOptions {
  readonly transport: Pick<Transport, 'run'>;
  /** PATH of the controller. */
  readonly path: string;
  readonly extraProtocols: readonly ExtraProtocol[];
}

export interface GitRun {
  /** The repository; absent: none (ls-remote). */
  readonly gitDir?: string;
  readonly timeoutMs: DurationMs;
  /** Largest file that the command may write, in bytes. */
  readonly maxFileBytes?: number;
  /** Standard output goes there instead of into the answer: bytes as they are. */
  readonly outFile?: string;
  readonly stdin?: string;
  /** Credentials and the like: names and values that are ours. */
  readonly env?: Env;
  /** More `-c` settings. */
  readonly config?: readonly string[];
  readonly signal?: AbortSignal;
  /** For messages: "fetching https://...". */
  readonly doing: string;
}

export interface GitRan {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** No value of a repository is ever expanded in these: they come as parameters. */
const LIMITED = 'ulimit -c 0; ulimit -f "$1" || exit 96; shift; exec "$@"';
const LIMITED_TO_FILE = 'ulimit -c 0; ulimit -f "$1" || exit 96; out=$2; shift 2; exec "$@" >"$out"';
/** `ulimit -f` of dash counts these. */
const BLOCK_BYTES = 512;
/** 128 + SIGXFSZ. */
const TOO_LARGE = 153;

const CONFIG = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.symlinks=false',
  'core.attributesFile=/dev/null',
  'core.askPass=',
  'core.pager=cat',
  'core.bigFileThreshold=1m',
  'credential.helper=',
  'protocol.allow=never',
  'protocol.https.allow=always',
  'protocol.ssh.allow=always',
  'protocol.version=2',
  'http.followRedirects=false',
  'submodule.recurse=false',
  'fetch.recurseSubmodules=false',
  'fetch.unpackLimit=1',
  'transfer.unpackLimit=1',
  'fetch.bundleURI=',
  'fetch.writeCommitGraph=false',
  'transfer.bundleURI=false',
  'transfer.credentialsInUrl=die',
  'gc.auto=0',
  'maintenance.auto=false',
  'pack.threads=1',
  'uploadpack.packObjectsHook=',
  'safe.bareRepository=explicit',
  'safe.directory=*',
] as const;

export class GitCommand {
  readonly #options: GitCommandOptions;

  constructor(options: GitCommandOptions) {
    this.#options = options;
  }

  get extraProtocols(): readonly ExtraProtocol[] {
    return this.#options.extraProtocols;
  }

  /** Throws GitError unless the command exits 0. */
  async run(args: readonly string[], options: GitRun): Promise<string> {
    const { code, stdout, stderr } = await this.try(args, options);
    if (code === 0) return stdout;
    throw gitErrorFrom(stderr, options.doing);
  }

  /** A non-zero exit is a value; throws GitError when git could not be asked, took too long, or wrote too much. */
  async try(args: readonly string[], options: GitRun): Promise<GitRan> {
    const settings = [
      ...CONFIG,
      ...this.#options.extraProtocols.map((protocol) => `protocol.${protocol}.allow=always`),
      ...(options.config ?? []),
    ];
    const git = [
      'git',
      ...(options.gitDir === undefined ? [] : [`--git-dir=${options.gitDir}`]),
      '--no-pager',
      '--no-replace-objects',
      '--literal-pathspecs',
      ...settings.flatMap((setting) => ['-c', setting]),
      ...args,
    ];
    const ran = await this.#spawn(limited(git, options), options);
    if (ran.code === TOO_LARGE || /file size limit exceeded|file too large|died of signal 25/i.test(ran.stderr))
      throw new TooLargeError(`${options.doing}: larger than ${options.maxFileBytes ?? 0} bytes`);
    return ran;
  }

  /** Runs another program of git's trade, gpg, in the same bare environment. Throws GitError when it could not be asked. */
  tool(
    argv: readonly string[],
    options: Omit<GitRun, 'gitDir' | 'config' | 'outFile' | 'maxFileBytes'>,
  ): Promise<GitRan> {
    return this.#spawn(argv, options);
  }

  async #spawn(argv: readonly string[], options: GitRun): Promise<GitRan> {
    try {
      return await this.#options.transport.run(argv, {
        env: { ...this.#environment(), ...options.env },
        cwd: '/',
        timeoutMs: options.timeoutMs,
        ...(options.stdin !== undefined && { stdin: options.stdin }),
        ...(options.signal && { signal: options.signal }),
      });
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (options.signal?.aborted) throw new GitError('Cancelled', `${options.doing}: given up`, { cause: error });
      const why =
        error.kind === 'timeout' ? `no answer within ${Math.round(options.timeoutMs / 1000)} s` : error.message;
      throw new GitError('Unreachable', `${options.doing}: ${why}`, { cause: error });
    }
  }

  #environment(): Env {
    return {
      PATH: this.#options.path,
      LC_ALL: 'C.UTF-8',
      HOME: '/nonexistent',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_SYSTEM: '/dev/null',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_LFS_SKIP_SMUDGE: '1',
      GIT_NO_LAZY_FETCH: '1',
      GIT_NO_REPLACE_OBJECTS: '1',
      GIT_OPTIONAL_LOCKS: '0',
      GIT_ASKPASS: '/bin/false',
      SSH_ASKPASS: '/bin/false',
      GIT_SSH: '/bin/false',
      GIT_SSH_VARIANT: 'ssh',
      GIT_ALLOW_PROTOCOL: ['https', 'ssh', ...this.#options.extraProtocols].join(':'),
    };
  }
}

function limited(git: readonly string[], { maxFileBytes, outFile }: GitRun): readonly string[] {
  if (maxFileBytes === undefined) return git;
  const blocks = String(Math.ceil(maxFileBytes / BLOCK_BYTES));
  return outFile === undefined
    ? ['/bin/sh', '-c', LIMITED, 'sh', blocks, ...git]
    : ['/bin/sh', '-c', LIMITED_TO_FILE, 'sh', blocks, outFile, ...git];
}

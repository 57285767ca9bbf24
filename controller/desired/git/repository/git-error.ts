/**
 * Owns: why git did not give what was asked, as something the source can act on and a person can read.
 * Never: shows a credential; git's own words are cleaned and cut.
 */

export type GitFailure =
  /** No such host, refused connection, timed out: ask again later. */
  | 'Unreachable'
  /** Credentials or host key were refused. */
  | 'AccessDenied'
  /** The repository answered, but there is no such branch, tag, version or commit. */
  | 'RefMissing'
  /** What is there is not something we take: too large, protocol not allowed, wrong form. */
  | 'Refused'
  /** Our own copy is broken. */
  | 'CacheBroken'
  /** The call was given up because something newer took its place. */
  | 'Cancelled';

export class GitError extends Error {
  override readonly name = 'GitError';
  readonly kind: GitFailure;
  constructor(kind: GitFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** A limit was passed: the same commit passes it again. */
export class TooLargeError extends GitError {
  constructor(message: string, options?: ErrorOptions) {
    super('Refused', message, options);
  }
}

const PATTERNS: readonly (readonly [RegExp, GitFailure])[] = [
  [/transport '.*' not allowed|protocol .* not supported|redirect|unsupported protocol/i, 'Refused'],
  [/host key verification failed|REMOTE HOST IDENTIFICATION/i, 'AccessDenied'],
  [
    /authentication failed|permission denied|could not read (username|password)|access denied|\b40[13]\b|unprotected private key|load key/i,
    'AccessDenied',
  ],
  [
    /couldn't find remote ref|not our ref|remote error: .*want|no such remote ref|did not send all necessary objects/i,
    'RefMissing',
  ],
  [/exceeds maximum|file size limit|file too large/i, 'Refused'],
  [/\.lock'?: file exists|unable to create '.*\.lock'|shallow file has changed/i, 'CacheBroken'],
  [
    /not a git repository: '|object file .* is empty|bad object|corrupt|unable to read (tree|sha1|object)|loose object|packfile .* (is far too short|cannot be accessed|does not match)|invalid index-pack/i,
    'CacheBroken',
  ],
];

/** Reads what a failed git command said. */
export function gitErrorFrom(stderr: string, doing: string): GitError {
  const text = clean(stderr);
  const kind = PATTERNS.find(([pattern]) => pattern.test(text))?.[1] ?? 'Unreachable';
  // git tells what it tried to ask a person; there is none.
  if (/could not read (?:username|password)/i.test(text))
    return new GitError(kind, `${doing}: it asks for a user and a token; name one in spec.auth (tokenEnv, tokenFile)`);
  const remedy = remedyFor(text);
  const said = text === '' ? 'git failed without a word' : text;
  return new GitError(kind, `${doing}: ${said}${remedy === undefined ? '' : ` (${remedy})`}`);
}

function remedyFor(text: string): string | undefined {
  const refused = /transport '(file|http)' not allowed/.exec(text)?.[1];
  if (refused !== undefined) return `start the controller with SAC_GIT_ALLOW=${refused} to allow it`;
  if (/authentication failed/i.test(text)) return 'the user or the token of spec.auth was not accepted';
  if (/permission denied \(/i.test(text)) return 'the key of spec.auth.sshKeyFile was not accepted';
  if (/certificate verif|certificate problem|CAfile/i.test(text))
    return 'spec.auth.caFile names certificates it may be checked against';
  if (/host key verification failed/i.test(text))
    return 'host keys that are accepted are those of spec.auth.knownHostsFile, or the first one it showed';
  return undefined;
}

/** The lines that say something, on one line, without control characters or userinfo of addresses. */
export function clean(stderr: string): string {
  const lines = stderr
    .split(/[\r\n]+/)
    .map((line) => line.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ').trim())
    .filter(
      (line) =>
        line !== '' &&
        // What ssh advises is meant for the user's own files.
        !line.startsWith('ssh-keygen -f ') &&
        !/^(?:remote: )?(?:Enumerating|Counting|Compressing|Total|Receiving|Resolving|From |\*|hint:|Warning: Permanently added)/.test(
          line,
        ),
    );
  const said = lines.filter((line) =>
    /^(?:fatal|error|remote|ERROR|ssh|Load key|Host key|.*Permission denied|.*not allowed)/.test(line),
  );
  return (said.length > 0 ? said : lines)
    .join('; ')
    .replace(/(\w+:\/\/)[^/@\s]+@/g, '$1')
    .slice(0, 500);
}

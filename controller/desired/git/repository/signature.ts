/**
 * Owns: whether a commit or tag is signed by one of the keys a source lists, with those keys alone in reach.
 * Never: uses the keys, trust or configuration of the user the controller runs as.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GitSourceSpec } from '../../../../api/resources/kinds/git-source.ts';
import type { DurationMs } from '../../../../api/resources/time.ts';
import type { GitCommand } from './command.ts';
import { GitError } from './git-error.ts';

export interface SignatureAccess {
  readonly git: GitCommand;
  readonly gitDir: string;
  readonly scratch: string;
  readonly timeoutMs: DurationMs;
  readonly signal?: AbortSignal;
}

export type Signature =
  | { readonly ok: true /** Who, as the key or the list names them. */; readonly by: string }
  | { readonly ok: false /** A predicate: "is not signed". */; readonly why: string };

type Verify = NonNullable<GitSourceSpec['verify']>;

export interface Signed {
  readonly commit: string;
  readonly ref: string;
  readonly tag?: string;
}

/** Throws GitError Refused when a listed key cannot be read, Unreachable when gpg or ssh-keygen is missing. */
export async function checkSignature(access: SignatureAccess, signed: Signed, verify: Verify): Promise<Signature> {
  if (verify.mode === 'tag' && signed.tag === undefined)
    return { ok: false, why: 'is named by a plain tag, which cannot be signed' };
  const object = verify.mode === 'tag' ? (signed.tag ?? '') : signed.commit;
  const home = await mkdtemp(join(access.scratch, 'keys-'));
  try {
    const signers = join(home, 'allowed_signers');
    await writeFile(signers, verify.allowedSigners.map((line) => `${line}\n`).join(''), { mode: 0o600 });
    const env = { GNUPGHOME: home };
    const config = [
      `gpg.ssh.allowedSignersFile=${signers}`,
      'gpg.ssh.revocationFile=',
      'gpg.ssh.program=ssh-keygen',
      'gpg.program=gpg',
      'gpg.x509.program=/bin/false',
      'gpg.minTrustLevel=undefined',
      'log.showSignature=false',
    ];
    const common = {
      gitDir: access.gitDir,
      timeoutMs: access.timeoutMs,
      env,
      config,
      ...(access.signal && { signal: access.signal }),
    };
    if (verify.keys.length > 0) await importKeys(access, verify.keys, env);
    if (verify.mode === 'tag') {
      const tag = await access.git.run(['cat-file', 'tag', object], { ...common, doing: `reading ${object}` });
      // A signed tag of long ago under the name of a new one.
      if (
        !tag.includes(`\ntag ${signed.ref.replace(/^refs\/tags\//, '')}\n`) ||
        !tag.startsWith(`object ${signed.commit}\n`)
      )
        return { ok: false, why: 'is named by a tag that was signed under another name' };
    }
    const { code, stderr } = await access.git.try(
      [verify.mode === 'tag' ? 'verify-tag' : 'verify-commit', '--raw', object],
      {
        ...common,
        doing: `verifying ${object}`,
      },
    );
    return code === 0 ? accepted(stderr) : { ok: false, why: refusal(stderr) };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function importKeys(
  access: SignatureAccess,
  keys: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { code, stderr } = await access.git.tool(
    [
      'gpg',
      '--batch',
      '--no-tty',
      '--quiet',
      '--no-autostart',
      '--no-auto-key-retrieve',
      '--trust-model',
      'always',
      '--import',
    ],
    {
      timeoutMs: access.timeoutMs,
      env,
      stdin: keys.map((key) => `${key}\n`).join(''),
      doing: 'reading the OpenPGP keys of verify.keys',
      ...(access.signal && { signal: access.signal }),
    },
  );
  if (code !== 0)
    throw new GitError('Refused', `verify.keys cannot be read by gpg: ${stderr.replace(/\s+/g, ' ').slice(0, 300)}`);
}

/** git says only whether it verified; who it was must be in the words of gpg or ssh-keygen, or it does not count. */
function accepted(raw: string): Signature {
  const gpg = /^\[GNUPG:\] VALIDSIG ([0-9A-F]{40,64})/m.exec(raw)?.[1];
  if (gpg !== undefined && /^\[GNUPG:\] GOODSIG /m.test(raw)) return { ok: true, by: gpg };
  const ssh = /^Good "git" signature for (\S+) with /m.exec(raw)?.[1];
  return ssh === undefined ? { ok: false, why: 'has a signature that cannot be read' } : { ok: true, by: ssh };
}

function refusal(raw: string): string {
  if (raw.trim() === '' || /no signature found/i.test(raw)) return 'is not signed';
  if (/BADSIG|incorrect signature|signature verification failed/i.test(raw))
    return 'has a signature that does not fit its content';
  if (/REVKEYSIG/.test(raw)) return 'is signed with a key that was revoked';
  if (/EXPKEYSIG|EXPSIG|key has expired/i.test(raw)) return 'is signed with a key, or a signature, that has expired';
  if (/NO_PUBKEY|No principal matched|Could not verify|key not found/i.test(raw))
    return 'is signed by none of those listed in verify';
  return 'is signed in a way that cannot be verified';
}

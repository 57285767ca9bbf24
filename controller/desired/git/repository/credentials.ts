/**
 * Owns: handing a repository's credentials to git and ssh by files only we can read, and taking the files away again.
 * Never: puts a secret into an argument, an environment variable, or a message.
 */
import { access, chmod, constants, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '../../../../adapters/transport/transport.ts';
import type { GitSourceSpec } from '../../../../api/resources/kinds/git-source.ts';
import { GitError } from './git-error.ts';

export interface SecretPlaces {
  /** The controller's environment; only variables that the schema lets a source name are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `SAC_HOME/secrets`. */
  readonly secretsDir: string;
}

export interface Credentials extends AsyncDisposable {
  readonly env: Env;
  readonly config: readonly string[];
}

/** git asks "Username for ..." and "Password for ..."; only the host of the source is answered. */
const ASKPASS = `#!/bin/sh
case "$1" in
  *"://$SAC_GIT_HOST'"*|*"@$SAC_GIT_HOST'"*) ;;
  *) exit 1 ;;
esac
case "$1" in
  Username*) exec cat "$SAC_GIT_FILES/username" ;;
  *) exec cat "$SAC_GIT_FILES/password" ;;
esac
`;
const SSH = `#!/bin/sh
exec ssh -F /dev/null -a -x -T -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o PermitLocalCommand=no \\
  -o ClearAllForwardings=yes -o ControlMaster=no -o ControlPath=none -o ConnectTimeout=20 -o GlobalKnownHostsFile=/dev/null \\
  -o PreferredAuthentications=publickey -o UpdateHostKeys=no -o "StrictHostKeyChecking=$SAC_GIT_HOST_KEYS" \\
  -o "UserKnownHostsFile=\\"$SAC_GIT_KNOWN_HOSTS\\"" -i "$SAC_GIT_KEY" "$@"
`;

/** Throws GitError AccessDenied when a named secret is not there or others may read it. */
export async function openCredentials(
  spec: Pick<GitSourceSpec, 'url' | 'auth'>,
  places: SecretPlaces,
  /** Folder of this source, ours alone. */
  dir: string,
): Promise<Credentials> {
  const { auth, url } = spec;
  const ssh = !/^(?:https?|file):/i.test(url);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const files = await mkdtemp(join(dir, 'auth-'));
  const dispose = () => rm(files, { recursive: true, force: true });
  try {
    const env: Record<string, string> = {};
    const config: string[] = [];
    if (ssh) {
      await assertThere('spec.auth.sshKeyFile', auth.sshKeyFile);
      await assertThere('spec.auth.knownHostsFile', auth.knownHostsFile);
      await writeFile(join(files, 'ssh'), SSH, { mode: 0o700 });
      env['GIT_SSH'] = join(files, 'ssh');
      env['SAC_GIT_KEY'] = auth.sshKeyFile ?? '/dev/null';
      env['SAC_GIT_HOST_KEYS'] = auth.knownHostsFile === undefined ? 'accept-new' : 'yes';
      env['SAC_GIT_KNOWN_HOSTS'] = auth.knownHostsFile ?? join(dir, 'known_hosts');
    } else {
      const secret = await passwordOf(auth, places);
      if (secret !== undefined) {
        await writeFile(join(files, 'username'), `${auth.username}\n`, { mode: 0o600 });
        await writeFile(join(files, 'password'), `${secret}\n`, { mode: 0o600 });
        await writeFile(join(files, 'askpass'), ASKPASS, { mode: 0o700 });
        env['GIT_ASKPASS'] = join(files, 'askpass');
        env['SAC_GIT_FILES'] = files;
        env['SAC_GIT_HOST'] = new URL(url).host;
      }
      await assertThere('spec.auth.caFile', auth.caFile);
      if (auth.caFile !== undefined) config.push(`http.sslCAInfo=${auth.caFile}`);
    }
    await chmod(files, 0o700);
    return { env, config, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** git and ssh would tell of a missing file only in passing, and fail with something else. */
async function assertThere(field: string, path: string | undefined): Promise<void> {
  if (path === undefined) return;
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    throw new GitError('AccessDenied', `${field}: ${path} is not there, or the controller may not read it`, {
      cause: error,
    });
  }
}

async function passwordOf(auth: GitSourceSpec['auth'], places: SecretPlaces): Promise<string | undefined> {
  const { tokenEnv = auth.passwordEnv, tokenFile } = auth;
  return tokenEnv === undefined && tokenFile === undefined
    ? undefined
    : readSecret(
        { ...(tokenEnv !== undefined && { env: tokenEnv }), ...(tokenFile !== undefined && { file: tokenFile }) },
        places,
      );
}

/** The value behind a name, first line alone. */
export async function readSecret(
  named: { readonly env?: string; readonly file?: string },
  { env, secretsDir }: SecretPlaces,
): Promise<string> {
  if (named.env !== undefined) {
    const value = env[named.env];
    if (value === undefined || value === '')
      throw new GitError(
        'AccessDenied',
        `the controller has no environment variable ${named.env}; set it and start the controller anew`,
      );
    return firstLine(value, named.env);
  }
  const path = join(secretsDir, named.file ?? '');
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) throw new GitError('AccessDenied', `${path} may be read by others; chmod 600 it`);
    return firstLine(await readFile(path, 'utf8'), path);
  } catch (error) {
    if (error instanceof GitError) throw error;
    const why =
      error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'does not exist' : 'cannot be read';
    throw new GitError('AccessDenied', `${path} ${why}`, { cause: error });
  }
}

function firstLine(text: string, where: string): string {
  const [line = ''] = text.split(/\r?\n/, 1);
  if (line === '') throw new GitError('AccessDenied', `${where} is empty`);
  return line;
}

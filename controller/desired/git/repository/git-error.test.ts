import { expect, it } from 'vitest';
import { gitErrorFrom } from './git-error.ts';

it.each(['file', 'http'])('a protocol that is not allowed (%s) says what would allow it', (protocol) => {
  const error = gitErrorFrom(`fatal: transport '${protocol}' not allowed\n`, 'asking x');
  expect(error).toMatchObject({ kind: 'Refused', message: expect.stringContaining(`SAC_GIT_ALLOW=${protocol}`) });
});

it('a protocol that never is allowed promises nothing', () => {
  expect(gitErrorFrom("fatal: transport 'ext' not allowed\n", 'asking x').message).not.toContain('SAC_GIT_ALLOW');
});

it.each([
  [
    "error: unable to read askpass response from '/bin/false'\nfatal: could not read Username for 'http://h': terminal prompts disabled\n",
    'asking x: it asks for a user and a token; name one in spec.auth (tokenEnv, tokenFile)',
  ],
  [
    "fatal: Authentication failed for 'http://h/fleet.git/'\n",
    "asking x: fatal: Authentication failed for 'http://h/fleet.git/' (the user or the token of spec.auth was not accepted)",
  ],
  [
    'git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.\n',
    'asking x: git@h: Permission denied (publickey).; fatal: Could not read from remote repository. (the key of spec.auth.sshKeyFile was not accepted)',
  ],
  [
    '  ssh-keygen -f "/k" -R "[h]:22"\nHost key for h has changed and you have requested strict checking.\nHost key verification failed.\n',
    'asking x: Host key for h has changed and you have requested strict checking.; Host key verification failed. (host keys that are accepted are those of spec.auth.knownHostsFile, or the first one it showed)',
  ],
])('access that is denied says what to look at', (stderr, message) => {
  expect(gitErrorFrom(stderr, 'asking x')).toMatchObject({ kind: 'AccessDenied', message });
});

it('a certificate that is not trusted says which field would name it', () => {
  const said =
    "fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none CRLfile: none";
  expect(gitErrorFrom(said, 'asking x').message).toBe(
    `asking x: ${said} (spec.auth.caFile names certificates it may be checked against)`,
  );
});

/**
 * Owns: the GitSource kind: a git repository whose manifests the fleet follows; its spec, its status, its conditions.
 * Never: holds a credential: specs name environment variables or files; fetches anything.
 */
import { z } from 'zod';
import { GIT_CONDITIONS } from '../conditions.ts';
import { API_VERSION, type ConditionStatus, manifestMetaSchema } from '../meta.ts';
import { labelsSchema, nameSchema } from '../names.ts';
import { durationSchema } from '../time.ts';
import { isMapping } from '../values.ts';
import { parseRange } from './semver.ts';

/** git-check-ref-format(1), and nothing that a program could take for an option. */
const REF_NAME = /^(?![-/])(?!.*(?:\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)))[^\s\p{Cc}~^:?*[\\]+(?<![./])$/u;
const refName = (what: string) =>
  z
    .string()
    .max(250)
    .regex(REF_NAME, { message: `is not a valid name of a ${what}` })
    .refine((name) => !name.startsWith('.'), { message: `is not a valid name of a ${what}` });

/** Only such variables of the controller are given to repositories: a source must not be able to carry off the others. */
export const SECRET_ENV = /^SAC_GIT_[A-Z0-9_]+$/;
const secretEnv = z.string().regex(SECRET_ENV, {
  message: 'is not the name of a variable beginning with SAC_GIT_ (capital letters, digits, "_")',
});
const secretFile = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,200}$/, { message: 'is not the name of a file in the secrets folder' });
const filePath = z
  .string()
  .max(4096)
  .regex(/^[^-\p{Cc}"%][^\p{Cc}"%]*$/u, {
    message: 'is not a usable path (no leading "-", no control characters, quotes or "%")',
  });

/** What is wrong with `url`, as a predicate; undefined when it can be used. */
export function urlProblem(url: string): string | undefined {
  if (/[\s\p{Cc}]/u.test(url)) return 'contains spaces or control characters';
  const scp = /^(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?!\/\/)[^-:]/;
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return scp.test(url) ? undefined : 'is not an https, ssh or file address';
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return 'is not an address that can be read';
  }
  if (!['https:', 'http:', 'ssh:', 'file:'].includes(parsed.protocol)) return 'is not an https, ssh or file address';
  if (parsed.password !== '') return 'holds a password; name it in auth instead';
  if (parsed.protocol !== 'ssh:' && parsed.username !== '')
    return 'holds a user name; give it in auth.username instead';
  if (/^-/.test(decodeURIComponent(parsed.username)) || /^-/.test(parsed.hostname))
    return 'has a user or host that begins with "-"';
  if (parsed.protocol !== 'file:' && parsed.hostname === '') return 'names no host';
  if (parsed.protocol === 'file:' && parsed.hostname !== '') return 'is no file of this machine (file:///path)';
  if (parsed.search !== '' || parsed.hash !== '') return 'has a query or fragment';
  return undefined;
}

const exactlyOne = (value: object) => Object.values(value).filter((one) => one !== undefined).length === 1;

const refSchema = z
  .strictObject({
    branch: refName('branch').optional().meta({ description: 'Branch to follow.' }),
    tag: refName('tag')
      .optional()
      .meta({ description: 'Tag to stand on. A tag that is moved counts as rewritten history.' }),
    semver: z
      .string()
      .min(1)
      .max(200)
      .refine((range) => parseRange(range) !== undefined, {
        message: 'is not a range of versions (^1.2, ~1.4.0, >=1.0 <2, 1.x)',
      })
      .optional()
      .meta({
        description: 'The highest version tag in this range: ^1.2, ~1.4.0, >=1.0 <2, 1.x. Tags may begin with "v".',
      }),
    commit: z
      .string()
      .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, { message: 'is not a full commit id (40 or 64 hexadecimal digits)' })
      .optional()
      .meta({ description: 'One exact commit, as its full id.' }),
  })
  .refine(exactlyOne, {
    message: 'names none or several of branch, tag, semver, commit; exactly one is needed',
    when: isMapping,
  })
  .default({ branch: 'main' })
  .meta({ description: 'Which commit is applied: exactly one of branch, tag, semver, commit.' });

const verifySchema = z
  .strictObject({
    keys: z
      .array(
        z
          .string()
          .max(1_000_000)
          .startsWith('-----BEGIN PGP PUBLIC KEY BLOCK-----', { message: 'is not an armoured OpenPGP public key' }),
      )
      .default([])
      .meta({ description: 'OpenPGP public keys, armoured, whose signatures are accepted.' }),
    allowedSigners: z
      .array(
        z
          .string()
          .max(20_000)
          .regex(/^[^\n\r\0]+$/, { message: 'is not one line' }),
      )
      .default([])
      .meta({
        description: 'SSH signers, one line each as in ssh-keygen(1) ALLOWED SIGNERS: `name ssh-ed25519 AAAA...`.',
      }),
    mode: z.enum(['commit', 'tag']).default('commit').meta({
      description:
        'What must be signed: the commit that is applied, or the annotated tag that names it (ref.tag, ref.semver).',
    }),
  })
  .refine((verify) => verify.keys.length + verify.allowedSigners.length > 0, {
    message: 'names nobody: list keys or allowedSigners, or leave verify out',
    when: isMapping,
  })
  .optional()
  .meta({ description: 'Commits are applied only when signed by one of these. Absent: signatures are not asked for.' });

const authSchema = z
  .strictObject({
    username: z
      .string()
      .regex(/^[^-\s\p{Cc}][^\s\p{Cc}]{0,200}$/u, { message: 'is not a user name' })
      .default('git')
      .meta({ description: 'User name for https.' }),
    tokenEnv: secretEnv
      .optional()
      .meta({ description: "Variable of the controller's environment that holds the token or password for https." }),
    passwordEnv: secretEnv
      .optional()
      .meta({ description: 'The same as tokenEnv, for servers that call it a password.' }),
    tokenFile: secretFile
      .optional()
      .meta({ description: 'File in the folder `secrets` of SAC_HOME that holds the token for https.' }),
    caFile: filePath
      .optional()
      .meta({ description: 'Certificates that https servers are checked against, PEM. Default: those of the system.' }),
    sshKeyFile: filePath
      .optional()
      .meta({ description: 'Private key for ssh, without a passphrase, readable by its owner alone.' }),
    knownHostsFile: filePath.optional().meta({
      description:
        'Host keys that are accepted. Default: the first key a host shows is kept in SAC_HOME and must not change.',
    }),
  })
  .refine((auth) => [auth.tokenEnv, auth.passwordEnv, auth.tokenFile].filter((one) => one !== undefined).length <= 1, {
    message: 'names several of tokenEnv, passwordEnv, tokenFile; one is enough',
    when: isMapping,
  })
  .prefault({})
  .meta({ description: 'How the repository is opened. Names of variables or files, never the secret itself.' });

const webhookSchema = z
  .strictObject({
    secretEnv: secretEnv
      .optional()
      .meta({ description: "Variable of the controller's environment that holds the shared secret." }),
    secretFile: secretFile
      .optional()
      .meta({ description: 'File in the folder `secrets` of SAC_HOME that holds the shared secret.' }),
  })
  .refine(exactlyOne, { message: 'needs exactly one of secretEnv and secretFile', when: isMapping })
  .optional()
  .meta({ description: 'Takes pushes of GitHub, Gitea or GitLab at /hooks/git/<name>; absent: pushes are refused.' });

export const gitSourceSpecSchema = z
  .strictObject({
    url: z
      .string()
      .max(2000)
      .superRefine((url, context) => {
        const wrong = urlProblem(url);
        if (wrong !== undefined) context.addIssue({ code: 'custom', message: wrong, input: url });
      })
      .meta({
        description:
          'Address of the repository: https://..., ssh://user@host/path or user@host:path. No credentials in it.',
      }),
    ref: refSchema,
    path: z
      .string()
      .max(1000)
      .regex(/^(?!\/)[^\p{Cc}\\]*$/u, { message: 'is not a relative path' })
      .refine(
        (path) => path === '.' || path.split('/').every((part) => part !== '..' && part.toLowerCase() !== '.git'),
        {
          message: 'leaves the repository, or names .git',
        },
      )
      .default('.')
      .meta({ description: 'Folder of the repository whose manifests are read, with all folders below it.' }),
    interval: durationSchema
      .default('1m')
      .meta({ description: 'How often the repository is asked, and drift put right.' }),
    timeout: durationSchema.default('60s').meta({ description: 'Longest duration of one git command.' }),
    suspend: z.boolean().default(false).meta({ description: 'Nothing is fetched or applied; what was applied stays.' }),
    prune: z
      .boolean()
      .default(false)
      .meta({ description: 'Agents whose manifests left the repository are deleted; only those this source created.' }),
    maxPrunePercent: z.int().min(0).max(100).default(50).meta({
      description: "At most this share of the source's agents is pruned by one commit without `sac sync --force`.",
    }),
    verify: verifySchema,
    auth: authSchema,
    targetLabels: labelsSchema
      .default({})
      .meta({ description: 'Labels that every agent of this source gets; its own labels win.' }),
    dependsOn: z
      .array(nameSchema)
      .max(100)
      .default([])
      .meta({ description: 'Other GitSources that must be Ready before this one is applied.' }),
    driftPolicy: z.enum(['revert', 'warn']).default('revert').meta({
      description:
        'What happens when something of this source was changed by hand. revert: put back within a second; warn: said in the status.',
    }),
    webhook: webhookSchema,
  })
  .superRefine((spec, context) => {
    if (typeof spec !== 'object' || spec === null) return;
    const ssh =
      typeof spec.url === 'string' && urlProblem(spec.url) === undefined && !/^(?:https?|file):/i.test(spec.url);
    const auth = spec.auth;
    if (ssh && auth?.sshKeyFile === undefined)
      context.addIssue({
        code: 'custom',
        path: ['auth', 'sshKeyFile'],
        message: 'is required for an ssh address: a private key file',
        input: undefined,
      });
    if (spec.verify?.mode === 'tag' && spec.ref?.tag === undefined && spec.ref?.semver === undefined)
      context.addIssue({
        code: 'custom',
        path: ['verify', 'mode'],
        message: 'needs ref.tag or ref.semver: only those have a tag',
        input: 'tag',
      });
  });

export type GitSourceSpec = z.output<typeof gitSourceSpecSchema>;
export type GitRef = GitSourceSpec['ref'];

export const gitSourceManifestSchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION).meta({ description: 'Always sac/v1.' }),
    kind: z.literal('GitSource').meta({ description: 'Always GitSource.' }),
    metadata: manifestMetaSchema.prefault({}).meta({ description: 'Name, labels, annotations.' }),
    spec: gitSourceSpecSchema.meta({ description: 'Where the repository is and how it is followed.' }),
  })
  .meta({
    title: 'GitSource',
    description: 'A git repository whose manifests the fleet follows: pushing is deploying.',
  });

export { GIT_CONDITIONS };
export type GitConditionType = (typeof GIT_CONDITIONS)[number];

export interface GitCondition {
  readonly type: GitConditionType;
  readonly status: ConditionStatus;
  /** CamelCase, for machines. */
  readonly reason: string;
  /** One sentence, for people. */
  readonly message: string;
  /** ISO 8601; changes only when `status` does. */
  readonly lastTransitionTime: string;
}

export interface GitSourceStatus {
  /** Of the spec by which it was last looked at. */
  readonly observedGeneration?: number;
  /** Commit that was last fetched. */
  readonly revision?: string;
  /** What `revision` is the head of: `refs/heads/main`, a tag, or the commit itself. */
  readonly ref?: string;
  /** Commit the fleet stands on, whole. */
  readonly lastAppliedRevision?: string;
  /** Ref through which it was reached; another spec.ref begins a new history. */
  readonly lastAppliedRef?: string;
  /** Commit that was last tried. */
  readonly lastAttemptedRevision?: string;
  /** ISO 8601. */
  readonly lastAppliedTime?: string;
  /** `sac rollback` holds the source at this commit until `sac sync`. */
  readonly heldAt?: string;
  readonly agents: number;
  /** Names of agents that were changed by hand. */
  readonly drift: readonly string[];
  /** Why the last commit was refused; each a whole line `file:line:column ...`. */
  readonly problems: readonly string[];
  readonly conditions: readonly GitCondition[];
}

export const NO_GIT_STATUS: GitSourceStatus = { agents: 0, drift: [], problems: [], conditions: [] };

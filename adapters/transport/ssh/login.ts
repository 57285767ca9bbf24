/**
 * Owns: which keys are offered to a machine: identity files, then the agent's; the usual files when nothing is declared.
 * Never: asks for a passphrase or password: nobody sits at the controller.
 */
import { readFile } from 'node:fs/promises';
import ssh2, {
  type AnyAuthMethod,
  type BaseAgent,
  type ParsedKey,
  type SignCallback,
  type SigningRequestOptions,
} from 'ssh2';
import type { Destination } from './destination.ts';

export interface Login {
  readonly methods: readonly AnyAuthMethod[];
  /** What was, and what could not be offered; for the message of a refusal. */
  readonly tried: readonly string[];
}

const USUAL = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

export async function prepareLogin(
  { user, identityFiles, identitiesOnly }: Destination,
  { agentSocket, home }: { readonly agentSocket: string | undefined; readonly home: string },
): Promise<Login> {
  const methods: AnyAuthMethod[] = [];
  const tried: string[] = [];
  const identities: ParsedKey[] = [];
  const declared = identityFiles.length > 0;
  for (const file of declared ? identityFiles : USUAL.map((name) => `${home}/.ssh/${name}`)) {
    const key = await readKey(file);
    if (typeof key === 'string') {
      if (!declared) continue;
      // Its private half may be in the agent.
      const half = await readKey(`${file}.pub`);
      if (typeof half !== 'string') identities.push(half);
      tried.push(`${file} (${key})`);
      continue;
    }
    identities.push(key);
    if (!key.isPrivateKey()) continue;
    methods.push({ type: 'publickey', username: user, key });
    tried.push(file);
  }
  if (agentSocket !== undefined && agentSocket !== '') {
    const agent = ssh2.createAgent(agentSocket);
    methods.push({ type: 'agent', username: user, agent: identitiesOnly ? onlyOf(agent, identities) : agent });
    tried.push(identitiesOnly ? 'these keys in the agent' : 'the agent');
  } else tried.push('no agent (SSH_AUTH_SOCK is not set)');
  return { methods, tried };
}

async function readKey(file: string): Promise<ParsedKey | string> {
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'does not exist' : 'cannot be read';
  }
  const parsed = ssh2.utils.parseKey(content);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key instanceof Error)
    return /passphrase|encrypted/i.test(key.message)
      ? 'has a passphrase: add it to ssh-agent'
      : `no key: ${key.message}`;
  return key;
}

/** The agent, but only those of its keys that are among `allowed`. */
function onlyOf(agent: BaseAgent, allowed: readonly ParsedKey[]): BaseAgent {
  const blobs = allowed.map((key) => key.getPublicSSH());
  const isAllowed = (key: unknown): boolean => {
    const parsed = ssh2.utils.parseKey(key as ParsedKey);
    return !(parsed instanceof Error) && blobs.some((blob) => blob.equals(parsed.getPublicSSH()));
  };
  class Chosen extends ssh2.BaseAgent {
    override getIdentities(callback: Parameters<BaseAgent['getIdentities']>[0]): void {
      agent.getIdentities((error, keys) => callback(error, keys?.filter(isAllowed)));
    }
    override sign(
      key: SignArguments[0],
      data: Buffer,
      options: SigningRequestOptions | SignCallback,
      callback?: SignCallback,
    ): void {
      if (typeof options === 'function') agent.sign(key, data, options);
      else agent.sign(key, data, options, callback);
    }
  }
  return new Chosen();
}

type SignArguments = Parameters<BaseAgent['sign']>;

/**
 * Owns: delivering one message: a POST, or a command of the controller's machine; what its end means.
 * Never: follows a redirect (it would carry the token elsewhere), or puts an address or a secret into a message.
 */
import { createHmac } from 'node:crypto';
import type { Transport } from '../../adapters/transport/transport.ts';
import type { NotifierSpec } from '../../api/resources/kinds/notifier.ts';
import { durationMs } from '../../api/resources/time.ts';
import { readSecret, type SecretPlaces } from '../desired/git/repository/credentials.ts';
import { type Message, ntfyBody, slackBody } from './message.ts';
import type { Outcome } from './notice.ts';

export interface DeliverOptions {
  readonly secrets: SecretPlaces;
  /** Where commands run. */
  readonly transport: Transport;
}

interface Named {
  readonly env: string | undefined;
  readonly file: string | undefined;
}

export async function deliver(message: Message, spec: NotifierSpec, options: DeliverOptions): Promise<Outcome> {
  const { webhook, slack, ntfy, command } = spec;
  if (command) return runCommand(command.argv, message, spec, options.transport);
  const way = webhook ?? slack ?? ntfy;
  if (!way) return { type: 'refused', why: 'the notifier says no way' };
  let request: { readonly url: string; readonly headers: Record<string, string>; readonly body: string };
  try {
    const secret = ({ env, file }: Named) =>
      env === undefined && file === undefined
        ? Promise.resolve(undefined)
        : readSecret({ ...(env !== undefined && { env }), ...(file !== undefined && { file }) }, options.secrets);
    const url = way.url ?? (await secret({ env: way.urlEnv, file: way.urlFile })) ?? '';
    const bearer = webhook ?? ntfy;
    const token = bearer && (await secret({ env: bearer.tokenEnv, file: bearer.tokenFile }));
    const key = webhook && (await secret({ env: webhook.signingEnv, file: webhook.signingFile }));
    const body = JSON.stringify(slack ? slackBody(message) : ntfy ? ntfyBody(message, ntfy) : message);
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'user-agent': 'sac-notifier',
      'idempotency-key': message.id,
    };
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    if (key !== undefined)
      headers['x-sac-signature-256'] = `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;
    request = { url, headers, body };
  } catch (error) {
    return { type: 'refused', why: error instanceof Error ? error.message : 'its secrets cannot be read' };
  }
  return post(request, durationMs(spec.timeout));
}

/** Why nothing can be delivered, whatever there is to tell: a secret that is named cannot be read. Undefined: nothing known. */
export async function unreadable(spec: NotifierSpec, secrets: SecretPlaces): Promise<string | undefined> {
  const { webhook, slack, ntfy } = spec;
  const way = webhook ?? slack ?? ntfy;
  const bearer = webhook ?? ntfy;
  const named: readonly Named[] = [
    { env: way?.urlEnv, file: way?.urlFile },
    { env: bearer?.tokenEnv, file: bearer?.tokenFile },
    { env: webhook?.signingEnv, file: webhook?.signingFile },
  ];
  for (const { env, file } of named)
    try {
      if (env !== undefined || file !== undefined)
        await readSecret({ ...(env !== undefined && { env }), ...(file !== undefined && { file }) }, secrets);
    } catch (error) {
      return error instanceof Error ? error.message : 'its secrets cannot be read';
    }
  return undefined;
}

async function post(
  { url, headers, body }: { readonly url: string; readonly headers: Record<string, string>; readonly body: string },
  timeoutMs: number,
): Promise<Outcome> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
    const { status, ok } = response;
    if (ok) return { type: 'delivered' };
    if (status === 400 || status === 413 || status === 422) return { type: 'rejected', why: `it answered ${status}` };
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    const retry = Number.isFinite(seconds) ? { retryMs: Math.min(3_600, Math.max(0, seconds)) * 1_000 } : {};
    return { type: 'refused', why: `it answered ${status}`, ...retry };
  } catch (error) {
    // The text of such an error may hold the address, and the address may be the secret: only its kind is told.
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
      return { type: 'refused', why: `it cannot be reached (${code})` };
    if (error instanceof TypeError && cause === undefined)
      return { type: 'refused', why: 'its address cannot be used' };
    const why =
      error instanceof Error && error.name === 'TimeoutError' ? 'it did not answer in time' : 'the connection broke';
    return { type: 'unclear', why: code === '' ? why : `${why} (${code})` };
  }
}

async function runCommand(
  argv: readonly string[],
  message: Message,
  spec: NotifierSpec,
  transport: Transport,
): Promise<Outcome> {
  try {
    const { code } = await transport.run(argv, {
      stdin: `${JSON.stringify(message)}\n`,
      timeoutMs: durationMs(spec.timeout),
    });
    return code === 0 ? { type: 'delivered' } : { type: 'refused', why: `the command exited with code ${code}` };
  } catch {
    return { type: 'unclear', why: 'the command could not be run, or did not end in time' };
  }
}

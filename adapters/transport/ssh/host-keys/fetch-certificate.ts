/**
 * Owns: getting the certificate a machine shows for its key, with ssh-keyscan(1), which also goes through hops.
 * Never: trusts what it got; host-certificate.ts does the judging.
 */
import { createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type { DurationMs } from '../../../../api/resources/time.ts';
import { spawnChild } from '../../local/child.ts';
import type { Destination } from '../destination.ts';

/** `open` connects to the machine when it cannot be reached from here. Undefined when it shows none, or could not be asked. */
export async function fetchCertificate(
  { address, port }: Destination,
  type: string,
  open: (() => Promise<Duplex | undefined>) | undefined,
  timeoutMs: DurationMs,
): Promise<Uint8Array | undefined> {
  try {
    return open
      ? await throughDoor(open, (door) => scan('127.0.0.1', door, type, timeoutMs))
      : await scan(address, port, type, timeoutMs);
  } catch {
    return undefined;
  }
}

async function scan(
  address: string,
  port: number,
  type: string,
  timeoutMs: DurationMs,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  const short = type.startsWith('ecdsa') ? 'ecdsa' : type.replace(/^ssh-/, '');
  const seconds = String(Math.max(1, Math.ceil(timeoutMs / 1000)));
  const child = spawnChild(['ssh-keyscan', '-c', '-T', seconds, '-t', short, '-p', String(port), '--', address], {
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    stdin: 'ignore',
    stderr: 'ignore',
    ownGroup: true,
    onData: (_, chunk) => void chunks.push(chunk),
  });
  const timer = setTimeout(() => child.end(), timeoutMs);
  await child.ended.finally(() => clearTimeout(timer));
  // With or without the host in front, by version.
  const words = Buffer.concat(chunks).toString('latin1').split(/\s+/);
  const encoded = words[words.indexOf(`${type}-cert-v01@openssh.com`) + 1];
  if (words.includes(`${type}-cert-v01@openssh.com`) && encoded !== undefined) return Buffer.from(encoded, 'base64');
  return undefined;
}

/** A port on this machine that leads there, as long as it takes. */
async function throughDoor<T>(open: () => Promise<Duplex | undefined>, use: (port: number) => Promise<T>): Promise<T> {
  const server = createServer((visitor) => {
    visitor.on('error', () => undefined);
    open().then(
      (stream) => {
        if (!stream) return visitor.destroy();
        stream.on('error', () => visitor.destroy());
        stream.on('close', () => visitor.destroy());
        visitor.on('close', () => stream.destroy());
        visitor.pipe(stream).pipe(visitor);
        return undefined;
      },
      () => visitor.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  try {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return await use(address.port);
  } finally {
    server.close();
  }
}

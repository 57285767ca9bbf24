/**
 * Owns: OpenSSH host certificates (PROTOCOL.certkeys): whether one vouches for this key under this name, now.
 * Never: fetches one. Where it comes from does not matter: it is worth what its signature is.
 */
import ssh2 from 'ssh2';
import { keyType, matchesPatterns, same } from './known-hosts.ts';

export interface CertificateQuestion {
  /** The plain key the machine has proved to own. */
  readonly key: Uint8Array;
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly authorities: readonly Uint8Array[];
  readonly isRevoked: (key: Uint8Array) => boolean;
}

const HOST_CERTIFICATE = 2;

/** What is wrong with it; undefined: it vouches. */
export function checkCertificate(certificate: Uint8Array, question: CertificateQuestion): string | undefined {
  let read: Certificate;
  try {
    read = parseCertificate(certificate);
  } catch {
    return 'it cannot be read';
  }
  const { kind, principals, validAfter, validBefore, critical, authority, signature, signed, key } = read;
  if (!same(key, question.key)) return 'it is for another key';
  if (kind !== HOST_CERTIFICATE) return 'it is not for a host';
  if (!question.authorities.some((trusted) => same(trusted, authority)))
    return 'its authority is not trusted for this host';
  if (question.isRevoked(authority)) return 'its authority is marked as revoked';
  const seconds = BigInt(Math.floor(question.now / 1000));
  if (seconds < validAfter) return 'it is not valid yet';
  if (seconds >= validBefore) return 'it has expired';
  if (critical.length > 0) return 'it demands something that is not known here';
  if (principals.length > 0 && !matchesPatterns(principals, question.host.toLowerCase()))
    return `it is for ${principals.join(', ')}`;
  return isSignedBy(signed, signature, authority) ? undefined : 'its signature is wrong';
}

interface Certificate {
  /** The key it is for, as it would cross the wire without a certificate. */
  readonly key: Uint8Array;
  readonly kind: number;
  readonly principals: readonly string[];
  /** Seconds since the epoch. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  readonly critical: Uint8Array;
  readonly authority: Uint8Array;
  readonly signature: Uint8Array;
  /** What the signature covers. */
  readonly signed: Uint8Array;
}

/** Fields of the public key within a certificate, after its type; RSA: e, n. */
const KEY_FIELDS: Readonly<Record<string, number>> = {
  'ssh-ed25519': 1,
  'ssh-rsa': 2,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
};

/** Throws RangeError when it is cut short or of an unknown type. */
function parseCertificate(bytes: Uint8Array): Certificate {
  const reader = new Reader(Buffer.from(bytes));
  const type = reader
    .string()
    .toString('latin1')
    .replace(/-cert-v01@openssh\.com$/, '');
  const fields = KEY_FIELDS[type];
  if (fields === undefined) throw new RangeError(`unknown type ${type}`);
  reader.string();
  const key = [Buffer.from(type), ...Array.from({ length: fields }, () => reader.string())];
  reader.take(8);
  const kind = reader.take(4).readUInt32BE(0);
  reader.string();
  const names = new Reader(reader.string());
  const principals: string[] = [];
  while (names.left > 0) principals.push(names.string().toString('utf8').toLowerCase());
  const validAfter = reader.take(8).readBigUInt64BE(0);
  const validBefore = reader.take(8).readBigUInt64BE(0);
  const critical = reader.string();
  reader.string();
  reader.string();
  const authority = reader.string();
  const signed = bytes.subarray(0, bytes.length - reader.left);
  const signature = reader.string();
  return {
    key: Buffer.concat(key.flatMap((field) => [uint32(field.length), field])),
    ...{ kind, principals, validAfter, validBefore, critical, authority, signature, signed },
  };
}

/** SHA-1 signatures (`ssh-rsa`) are not accepted, as by OpenSSH. */
function isSignedBy(signed: Uint8Array, signature: Uint8Array, authority: Uint8Array): boolean {
  const key = ssh2.utils.parseKey(Buffer.from(authority));
  if (key instanceof Error) return false;
  const reader = new Reader(Buffer.from(signature));
  const algorithm = reader.string().toString('latin1');
  const blob = reader.string();
  const type = keyType(authority);
  try {
    if (type === 'ssh-rsa') {
      if (algorithm !== 'rsa-sha2-256' && algorithm !== 'rsa-sha2-512') return false;
      return key.verify(Buffer.from(signed), blob, algorithm === 'rsa-sha2-256' ? 'sha256' : 'sha512') === true;
    }
    if (algorithm !== type) return false;
    return key.verify(Buffer.from(signed), type.startsWith('ecdsa') ? derOf(blob) : blob) === true;
  } catch {
    return false;
  }
}

/** An ECDSA signature as OpenSSL wants it, from the two numbers SSH writes (RFC 5656 §3.1.2). */
function derOf(blob: Buffer): Buffer {
  const reader = new Reader(blob);
  const numbers = [reader.string(), reader.string()].map((n) => Buffer.concat([Buffer.from([2, n.length]), n]));
  const body = Buffer.concat(numbers);
  return Buffer.concat([
    body.length < 128 ? Buffer.from([0x30, body.length]) : Buffer.from([0x30, 0x81, body.length]),
    body,
  ]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Buffer {
    if (length > this.left) throw new RangeError('cut short');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  string(): Buffer {
    return this.take(this.take(4).readUInt32BE(0));
  }
}

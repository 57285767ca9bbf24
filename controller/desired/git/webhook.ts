/**
 * Owns: whether a push notice of GitHub, Gitea or GitLab is genuine, new, and about the ref a source follows.
 * Never: believes anything of a notice beyond that: the repository itself is asked what there is.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { GitRef } from '../../../api/resources/kinds/git-source.ts';
import type { DurationMs, Instant } from '../../../api/resources/time.ts';

export interface Notice {
  /** Names in lower case, as node gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Byte for byte as it came: signatures are over bytes. */
  readonly body: Uint8Array;
}

export type Verdict =
  /** Sync now. */
  | {
      readonly outcome: 'sync' /** Equal for the same notice, whatever its unsigned headers say. */;
      readonly digest: string;
    }
  /** Genuine, but nothing to do. */
  | { readonly outcome: 'ignored'; readonly why: string }
  | { readonly outcome: 'refused'; readonly why: string };

export function judge(notice: Notice, secret: string, ref: GitRef): Verdict {
  const forge = forgeOf(notice);
  if (forge === undefined) return { outcome: 'refused', why: 'it carries no signature of GitHub, Gitea or GitLab' };
  if (secret === '' || !isGenuine(notice, forge, secret)) return { outcome: 'refused', why: 'its signature is wrong' };
  const event = header(notice, EVENT_HEADERS[forge]);
  if (event !== undefined && !/^(push|create|Push Hook|Tag Push Hook)$/.test(event))
    return { outcome: 'ignored', why: `"${event.slice(0, 40)}" is no push` };
  const pushed = pushedRef(notice.body);
  if (pushed !== undefined && !concerns(pushed, ref))
    return { outcome: 'ignored', why: 'the source follows another ref' };
  return { outcome: 'sync', digest: createHash('sha256').update(notice.body).digest('hex') };
}

type Forge = 'github' | 'gitea' | 'gitlab';

const EVENT_HEADERS: Readonly<Record<Forge, string>> = {
  github: 'x-github-event',
  gitea: 'x-gitea-event',
  gitlab: 'x-gitlab-event',
};

/** Gitea also sends GitHub's headers. */
function forgeOf(notice: Notice): Forge | undefined {
  if (header(notice, 'x-gitea-signature') !== undefined) return 'gitea';
  if (header(notice, 'x-hub-signature-256') !== undefined) return 'github';
  return header(notice, 'x-gitlab-token') === undefined ? undefined : 'gitlab';
}

function isGenuine(notice: Notice, forge: Forge, secret: string): boolean {
  const hmac = createHmac('sha256', secret).update(notice.body).digest('hex');
  switch (forge) {
    case 'github':
      return sameText(header(notice, 'x-hub-signature-256'), `sha256=${hmac}`);
    case 'gitea':
      return sameText(header(notice, 'x-gitea-signature'), hmac);
    case 'gitlab':
      return sameText(header(notice, 'x-gitlab-token'), secret);
  }
}

/** The time does not tell how much is right, nor how long the secret is. */
function sameText(shown: string | undefined, wanted: string): boolean {
  if (shown === undefined) return false;
  const digest = (text: string) => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(shown), digest(wanted));
}

/** One value; a header that came several times is none. */
function header(notice: Notice, name: string): string | undefined {
  const value = notice.headers[name];
  return typeof value === 'string' ? value : undefined;
}

function pushedRef(body: Uint8Array): string | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
    if (typeof parsed !== 'object' || parsed === null || !('ref' in parsed)) return undefined;
    return typeof parsed.ref === 'string' ? parsed.ref : undefined;
  } catch {
    return undefined;
  }
}

/** `create` notices name a tag or branch without `refs/...`. */
function concerns(pushed: string, ref: GitRef): boolean {
  const matches = (kind: 'heads' | 'tags', name: string) => pushed === `refs/${kind}/${name}` || pushed === name;
  if (ref.branch !== undefined) return matches('heads', ref.branch);
  if (ref.tag !== undefined) return matches('tags', ref.tag);
  if (ref.semver !== undefined) return pushed.startsWith('refs/tags/') || !pushed.startsWith('refs/');
  // A commit stays what it is, but it may only now have come.
  return true;
}

/** A notice that was recorded and sent again costs a fetch, so each is taken once. */
export class Deliveries {
  readonly #seen = new Map<string, Instant>();
  readonly #keepMs: DurationMs;
  readonly #max: number;

  constructor(keepMs: DurationMs = 600_000, max = 10_000) {
    this.#keepMs = keepMs;
    this.#max = max;
  }

  /** False when this notice was taken before. */
  take(source: string, digest: string, now: Instant): boolean {
    for (const [old, at] of this.#seen) {
      if (now - at <= this.#keepMs && this.#seen.size < this.#max) break;
      this.#seen.delete(old);
    }
    const key = `${source} ${digest}`;
    if (this.#seen.has(key)) return false;
    this.#seen.set(key, now);
    return true;
  }
}

/**
 * Owns: taking secrets out of whatever is shown, stored or counted: token shapes, values of secret names, .mcp.json.
 * Never: decides who may see a text. A secret that is missed is worse than a harmless word that is hidden.
 */

export const REDACTED = '[redacted]';

/** Shapes that services give their tokens, so that they can be found anywhere. At least the part after the prefix is hidden with it. */
const SHAPES: readonly string[] = [
  // OpenAI, Anthropic, OpenRouter, DeepSeek; Stripe, Clerk.
  'sk-(?=[A-Za-z_-]{0,200}\\d)[A-Za-z0-9_-]{16,}',
  '[srp]k_(?:live|test)_[A-Za-z0-9]{10,}',
  'whsec_[A-Za-z0-9+/=]{16,}',
  // GitHub, GitLab, npm, PyPI, Docker, Hugging Face, Replicate, Groq, xAI, Perplexity.
  'gh[pousr]_[A-Za-z0-9]{16,}',
  'github_pat_[A-Za-z0-9_]{20,}',
  'gl(?:pat|dt|cbt|ptt|rt|soat|ft|agent)-[A-Za-z0-9_.-]{16,}',
  'npm_[A-Za-z0-9]{20,}',
  'pypi-[A-Za-z0-9_-]{20,}',
  'dckr_(?:pat|oat)_[A-Za-z0-9_-]{16,}',
  'hf_[A-Za-z0-9]{20,}',
  'r8_[A-Za-z0-9]{20,}',
  'gsk_[A-Za-z0-9]{20,}',
  '(?:xai|pplx|tvly|fc|csk|nvapi|voyage|jina)[-_][A-Za-z0-9_-]{20,}',
  // Slack, also its webhooks; Discord, Telegram.
  'xox[a-z](?:\\.xox[a-z])?-[A-Za-z0-9-]{8,}',
  'xapp-[A-Za-z0-9-]{10,}',
  'https://hooks\\.slack\\.com/[A-Za-z0-9/_-]+',
  'https://(?:\\w+\\.)?discord(?:app)?\\.com/api/webhooks/[A-Za-z0-9/_-]+',
  '[MNO][A-Za-z0-9_-]{23,26}\\.[A-Za-z0-9_-]{6}\\.[A-Za-z0-9_-]{27,}',
  '\\d{8,10}:AA[A-Za-z0-9_-]{33}',
  // AWS, Google, Azure, DigitalOcean, Cloudflare, Vault, Tailscale, Fly.
  '(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}',
  'AIza[A-Za-z0-9_-]{30,}',
  'ya29\\.[A-Za-z0-9_-]{16,}',
  'GOCSPX-[A-Za-z0-9_-]{16,}',
  '1//0[A-Za-z0-9_-]{20,}',
  'do[opr]_v1_[a-f0-9]{32,}',
  'hv[sbr]\\.[A-Za-z0-9_-]{16,}',
  'tskey-[A-Za-z0-9-]{12,}',
  'fo1_[A-Za-z0-9_-]{20,}',
  // Shopify, Linear, SendGrid, Twilio, Mailgun, Atlassian, Notion, Postman, New Relic, Sentry, Databricks, Doppler, Figma, PlanetScale, age.
  'shp(?:at|ca|pa|ss)_[A-Za-z0-9]{16,}',
  'lin_(?:api|oauth)_[A-Za-z0-9]{16,}',
  'SG\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}',
  'SK[a-f0-9]{32}',
  'key-[a-f0-9]{32}',
  'AT(?:ATT|CTT)3[A-Za-z0-9_=-]{20,}',
  '(?:secret|ntn)_[A-Za-z0-9]{30,}',
  'PMAK-[A-Za-z0-9-]{20,}',
  'NRAK-[A-Z0-9]{20,}',
  'sntry[su]_[A-Za-z0-9_=/+-]{20,}',
  'dapi[a-f0-9]{32}',
  'dp\\.(?:pt|st|ct|sa)\\.[A-Za-z0-9._-]{20,}',
  'figd_[A-Za-z0-9_-]{20,}',
  'pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{16,}',
  'AGE-SECRET-KEY-1[A-Z0-9]{20,}',
  // JSON Web Tokens, also with an empty signature.
  'eyJ[A-Za-z0-9_-]{6,2000}\\.[A-Za-z0-9_-]{4,}\\.[A-Za-z0-9_-]*',
];

/** Characters; of Slack's. */
const SHORTEST_TOKEN = 13;
/** A word begins here; also behind a colour, an escape of JSON or of a URL, which end in letters. */
const START = '(?:(?<![A-Za-z0-9])|(?<=\\x1b\\[[\\d;]{0,40}m)|(?<=\\\\[nrt])|(?<=%[0-9A-Fa-f]{2}))';
/** A long token is broken by the edge of a terminal or a box: its rest stands at the start of the next line. */
const REST_OF_LINE_BREAK = '(?:[ \\t│|┃]*\\n[ \\t│|┃]*(?=[A-Za-z_-]*\\d)[A-Za-z0-9_.=/+-]{12,})?';
const SHAPE = new RegExp(`${START}(?:${SHAPES.join('|')})${REST_OF_LINE_BREAK}`, 'g');
const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----[\s\S]*?(?:-----END [A-Z0-9 ]*-----|$)/g;
const SCHEME =
  /\b(Bearer|Basic|Digest|Token|ApiKey)(\s{1,8})(?=[A-Za-z0-9._~+/=-]{0,200}[\d._~+/=-]|[A-Za-z]{16,})[A-Za-z0-9._~+/=-]{6,}/gi;
/** `scheme://user:password@host`; the user stays. Up to the last @ before the path, as passwords hold @ too. */
const URL_PASSWORD = /\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@"'`]{0,200}):([^\s/"'`]{1,500})@/gi;
const URL_TOKEN = /\b(https?:\/\/)([A-Za-z0-9_-]{20,})@/g;

/** `name =`, `name:`, `"name": `, `\"name\": `, `--name `: what a value follows. Names are bounded, so that this stays linear. */
const NAME =
  /(?:(?<![A-Za-z0-9_.-])|(?<=\x1b\[[\d;]{0,40}m))(?:(--?)|(\\{0,8}["'`])?)([A-Za-z_][A-Za-z0-9_.-]{0,80})(?:\\{0,8}["'`])?(\s{0,4}(?:=>|:=|[:=])\s{0,4}|[ \t]{1,4})/g;
/** The value that begins here: in escaped quotes, in quotes (also when they do not close), bare. */
const VALUE = /\\{1,8}"[^"\n]*"?|\\{1,8}'[^'\n]*'?|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|`[^`\n]*`?|[^\s"'`<>]+/y;

/** Always secret, whatever the value: the last words of a name. */
const SECRET_WORDS: ReadonlySet<string> = new Set(
  'password passwd passphrase passcode pass pwd pw secret secrets token credential credentials cred creds apikey authtoken accesstoken refreshtoken clientsecret secretkey privatekey accesskey authorization cookie cookies jwt bearer pat pin otp dsn sas'.split(
    ' ',
  ),
);
/** `key` says little by itself; before it one of these makes it a secret. */
const KEY_KINDS: ReadonlySet<string> = new Set(
  'api access secret private auth encryption encrypt signing sign master account service license client deploy ssh storage shared session admin app write read webhook hmac gpg pgp x'.split(
    ' ',
  ),
);
/** Names that end in a secret word and hold none. */
const HARMLESS_NAMES =
  /^(?:max|min|num|n|total|input|output|prompt|completion|cached?|context|stop|pad|eos|bos|unk|sep|cls|mask|next|prev|continuation|page|reasoning|csrf_?field)[_-]?tokens?$/i;

const words = (name: string): readonly string[] =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);

/** How sure a name is that its value is a secret: `maybe` needs a value that looks like one. */
export function secretName(name: string): 'yes' | 'maybe' | 'no' {
  if (HARMLESS_NAMES.test(name)) return 'no';
  const parts = words(name);
  // `TOKEN_FILE`, `tokenEnv`, `passwordHash` differ: the name of a file or a variable is no secret, a hash is treated as one.
  if (
    /^(?:file|path|dir|name|id|type|length|count|url|uri|field|regex|pattern|policy|label|env)s?$/.test(
      parts.at(-1) ?? '',
    )
  )
    return parts.some((part) => part === 'dsn') ? 'yes' : 'no';
  if (parts.some((part) => SECRET_WORDS.has(part))) return 'yes';
  const key = parts.findIndex((part) => part === 'key' || part === 'keys');
  if (key >= 0) {
    if (parts.slice(0, key).some((part) => KEY_KINDS.has(part))) return 'yes';
    // Environment variables in capitals: KEY=, MY_KEY=.
    return name === name.toUpperCase() ? 'yes' : 'maybe';
  }
  if (/(?:password|passwd|secret|token|apikey|api_key|credential)$/i.test(name)) return 'yes';
  return parts.some(
    (part) => part === 'auth' || part === 'signature' || part === 'sig' || part === 'salt' || part === 'hash',
  )
    ? 'maybe'
    : 'no';
}

/** Asked before the whole value is, so that a text of many `key=` stays linear. */
const BEGINS_RANDOM = /["'`\\]{0,9}[A-Za-z0-9_.~+/:-]{16}/y;
const looksRandom = (value: string): boolean =>
  /^[A-Za-z0-9_.~+/:-]{16,}=*$/.test(value) && /\d/.test(value) && /[A-Za-z]/.test(value);

/** What stands for a value without being one: references, types, calls, nothing. */
const NO_VALUE =
  /^(?:await|new|async|\$\{?\{?[\s\w.:?-]*\}?\}?|%\w+%|null|none|nil|undefined|true|false|string|number|boolean|str|int|bytes|bool|any|unknown|\*+|x{3,}|\.{3,}|\[?redacted\]?|\[redacted|(?:process\.env|os\.environ|import\.meta\.env|env|self|this|config|options|settings|req|request|args)[.[][\w.[\]'"]*|[A-Za-z_][\w.]*\(.*)[,;)}\]]*$/i;

const LONGEST_NO_VALUE = 300;

function redactValue(quoted: string, name: string, sure: 'yes' | 'maybe'): string | undefined {
  const [, open = '', body = '', close = ''] = /^(\\*["'`]?)([\s\S]*?)(\\*["'`]?)$/.exec(quoted) ?? [];
  const bare = open === '';
  const [, value = '', tail = ''] = (bare ? /^([\s\S]*?)([,;)}\]]*)$/ : /^([\s\S]*)()$/).exec(body) ?? [];
  if (value === '' || (body.length < LONGEST_NO_VALUE && NO_VALUE.test(body))) return undefined;
  if (sure === 'maybe' && !looksRandom(value)) return undefined;
  // `token.ts:12:5` is a place in a file.
  if (/\.[a-z]{1,4}$/.test(name) && /^\d+(?::\d+)?:?$/.test(value)) return undefined;
  // $PWD is a folder; counters called token hold numbers without any letter.
  if (/^(?:old)?pwd$/i.test(name) && value.startsWith('/')) return undefined;
  if (/^tokens?$/i.test(name) && /^[\d.,]{1,9}[kKmM]?$/.test(value)) return undefined;
  return `${open}${REDACTED}${tail}${bare ? '' : close}`;
}

/** The text without its secrets. Idempotent. Linear in the length of the text. */
export function redact(text: string): string {
  // Most texts of a spec are a word: shorter than any token, and no name with a value.
  if (text.length < SHORTEST_TOKEN && !/[=:\s]/.test(text)) return text;
  const clean = text
    .replaceAll(PRIVATE_KEY, REDACTED)
    .replaceAll(SHAPE, REDACTED)
    .replaceAll(URL_PASSWORD, `$1:${REDACTED}@`)
    .replaceAll(URL_TOKEN, `$1${REDACTED}@`)
    .replaceAll(SCHEME, `$1$2${REDACTED}`);
  return redactNamed(clean);
}

function redactNamed(text: string): string {
  const name = new RegExp(NAME);
  const value = new RegExp(VALUE);
  const random = new RegExp(BEGINS_RANDOM);
  let clean = '';
  let done = 0;
  for (let found = name.exec(text); found !== null; found = name.exec(text)) {
    const [, dash, , word = '', between = ''] = found;
    // Only flags take their value after a space.
    const sure = /\S/.test(between) || dash !== undefined ? secretName(word) : 'no';
    if (sure === 'no') continue;
    value.lastIndex = name.lastIndex;
    random.lastIndex = name.lastIndex;
    if (sure === 'maybe' && !random.test(text)) continue;
    const held = value.exec(text)?.[0] ?? '';
    // `Authorization: Bearer x`: the scheme stays, what follows has been taken out; a flag without a value is no secret.
    if (held.includes(REDACTED) || /^(?:Bearer|Basic|Digest|Token|-.*)$/i.test(held)) continue;
    const hidden = redactValue(held, word, sure);
    if (hidden === undefined) continue;
    clean += text.slice(done, name.lastIndex) + hidden;
    done = name.lastIndex + held.length;
    name.lastIndex = done;
  }
  return clean + text.slice(done);
}

/** All texts in a value, and what secret names hold in it. */
export function redactDeep(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map(redactDeep);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [
      name,
      typeof held === 'string' && held !== '' && secretName(name) === 'yes' && !NO_VALUE.test(held)
        ? REDACTED
        : redactDeep(held),
    ]),
  );
}

const withheld = (held: unknown): unknown =>
  typeof held === 'string' && !/^\$\{[^}]*\}$/.test(held) && held !== '' ? REDACTED : held;
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const SECRET_FLAG = /^--?([A-Za-z][\w-]*)$/;

/** An agent's spec, for showing: as `redactDeep`, and its MCP servers as a `.mcp.json`. What is declared is read with `get`. */
export function redactSpec(spec: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { mcpServers, ...rest } = spec;
  const hidden = redactDeep(rest);
  // In the order of the fields.
  return {
    ...spec,
    ...(isRecord(hidden) ? hidden : {}),
    ...(mcpServers !== undefined && { mcpServers: redactMcp(mcpServers) }),
  };
}

const KEY_BEGINS = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY/;
const KEY_ENDS = /-----END [A-Z0-9 ]*-----/;
/** Lines of the longest private key that is waited for the end of. */
const KEY_LINES = 400;

/** Lines as they come, without their secrets. */
export async function* redactLines(lines: AsyncIterable<string>): AsyncIterable<string> {
  let inKey = 0;
  for await (const line of lines) {
    if (inKey > 0) {
      inKey = KEY_ENDS.test(line) ? 0 : inKey - 1;
      continue;
    }
    if (KEY_BEGINS.test(line) && !KEY_ENDS.test(line)) inKey = KEY_LINES;
    yield redact(line);
  }
}

/** A `.mcp.json`: every value of `env` and `headers` goes, whatever its name, and what stands after a secret flag. */
export function redactMcpJson(text: string): string {
  try {
    const parsed: unknown = JSON.parse(text);
    return JSON.stringify(redactMcp(parsed), undefined, 2);
  } catch {
    // What cannot be understood cannot be cleaned.
    return `${REDACTED}: not valid JSON`;
  }
}

function redactMcp(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map((item, index) => {
      const flag = SECRET_FLAG.exec(String(value[index - 1] ?? ''))?.[1];
      return flag !== undefined && typeof item === 'string' && secretName(flag) === 'yes' ? REDACTED : redactMcp(item);
    });
  if (!isRecord(value)) return typeof value === 'string' ? redact(value) : value;
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [
      name,
      (name === 'env' || name === 'headers') && isRecord(held)
        ? Object.fromEntries(Object.entries(held).map(([key, inner]) => [key, withheld(inner)]))
        : typeof held === 'string' && secretName(name) === 'yes'
          ? withheld(held)
          : redactMcp(held),
    ]),
  );
}

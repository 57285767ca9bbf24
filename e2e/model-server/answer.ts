/**
 * Owns: what the pretended model answers: the shape of an answer, and how a prompt or a script chooses one.
 * Never: knows a wire format; see anthropic.ts, openai.ts, gemini.ts.
 */

/** Tokens as Anthropic counts them; the other wires translate. */
export interface Usage {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

export interface ToolUse {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** One turn of the model. All fields may be combined; an empty one says a short sentence. */
export interface Answer {
  readonly text?: string;
  readonly tools?: readonly ToolUse[];
  /** Instead of an answer. `message` and `type` have the wire's usual values when absent. */
  readonly error?: { readonly status: number; readonly type?: string; readonly message?: string };
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds before the first byte and between pieces of text. */
  readonly firstByteMs?: number;
  readonly pieceMs?: number;
  /** Stops after the first piece until `release()` is called or the client goes away. */
  readonly hold?: boolean;
  /** Breaks the connection after the first piece. */
  readonly cut?: boolean;
  readonly usage?: Partial<Usage>;
}

export const DEFAULT_TEXT = 'Hello from the model server.';
export const AFTER_TOOL_TEXT = 'The tool call finished and I have its result.';
const SUMMARY_TEXT = '<analysis>Short.</analysis>\n<summary>1. Primary request: a test.</summary>';

/** What of a request decides the answer, whichever wire it came by. */
export interface Asked {
  /** Last message of the user, without reminders the CLI adds. */
  readonly prompt: string;
  /** Tool results since that message: how far the turn has come. */
  readonly toolResults: number;
  /** Titles, classifiers, quota probes: requests that offer no tools. */
  readonly side: boolean;
}

const WINDOW = 200_000;

/** Words of a prompt that choose an answer, e.g. `please #bash` or `#context=0.93`. */
const WORDS: Readonly<Record<string, (value: string) => readonly Answer[]>> = {
  bash: (command) => [{ tools: [{ name: 'Bash', input: { command: command || 'echo ok', description: 'Run it' } }] }],
  write: (path) => [{ tools: [{ name: 'Write', input: { file_path: path || 'made.txt', content: 'made\n' } }] }],
  agent: () => [
    {
      tools: [
        { name: 'Agent', input: { description: 'Look', prompt: 'Please reply.', subagent_type: 'general-purpose' } },
      ],
    },
  ],
  background: () => [
    {
      tools: [{ name: 'Bash', input: { command: 'sleep 300', description: 'Wait long', run_in_background: true } }],
    },
  ],
  question: () => [
    {
      tools: [
        {
          name: 'AskUserQuestion',
          input: {
            questions: [
              {
                question: 'Which database?',
                header: 'Database',
                multiSelect: false,
                options: [
                  { label: 'PostgreSQL', description: 'A server' },
                  { label: 'SQLite', description: 'A file' },
                ],
              },
            ],
          },
        },
      ],
    },
  ],
  say: (text) => [{ text: text.replaceAll('_', ' ') }],
  slow: (ms) => [{ text: 'one two three four five six seven eight nine ten', pieceMs: Number(ms) || 500 }],
  hold: () => [{ text: 'Holding until it is released.', hold: true }],
  cut: () => [{ text: 'This answer breaks off', cut: true }],
  context: (ratio) => [{ usage: { input: Math.round(WINDOW * (Number(ratio) || 0.93)) } }],
  '401': () => [errorAnswer(401)],
  '403': () => [errorAnswer(403)],
  '429': () => [errorAnswer(429)],
  '500': () => [errorAnswer(500)],
  '529': () => [errorAnswer(529)],
  limit: () => [usageLimit(Math.floor(Date.now() / 1000) + 3600)],
};

const WORD = /(?:^|\s)#([a-z]+|\d{3})(?:=(\S+))?/;
const JSON_STEPS = /#(\[.*\])/s;

export const errorAnswer = (status: number): Answer => ({
  error: { status },
  // A long retry-after would keep a CLI waiting; none lets it use its own backoff.
  ...(status === 429 ? { headers: { 'retry-after': '1' } } : {}),
});

/** A subscription's window is used up; `resetsAt` in seconds since the epoch. Headers as Claude Code reads them. */
export const usageLimit = (resetsAt: number): Answer => ({
  error: { status: 429, message: "This request would exceed your account's rate limit. Please try again later." },
  headers: {
    'anthropic-ratelimit-unified-status': 'rejected',
    'anthropic-ratelimit-unified-representative-claim': 'five_hour',
    'anthropic-ratelimit-unified-reset': String(resetsAt),
    'anthropic-ratelimit-unified-5h-status': 'rejected',
    'anthropic-ratelimit-unified-5h-utilization': '1',
    'anthropic-ratelimit-unified-5h-reset': String(resetsAt),
    'x-should-retry': 'false',
  },
});

/** Near the limit, not over it: goes with an answer. Ratios from 0 to 1. */
export const quotaHeaders = (
  fiveHour: number,
  sevenDay: number,
  resetsAt: number,
): Readonly<Record<string, string>> => ({
  'anthropic-ratelimit-unified-status': fiveHour >= 0.9 || sevenDay >= 0.9 ? 'allowed_warning' : 'allowed',
  'anthropic-ratelimit-unified-representative-claim': fiveHour >= sevenDay ? 'five_hour' : 'seven_day',
  'anthropic-ratelimit-unified-reset': String(resetsAt),
  'anthropic-ratelimit-unified-5h-utilization': String(fiveHour),
  'anthropic-ratelimit-unified-5h-reset': String(resetsAt),
  'anthropic-ratelimit-unified-7d-utilization': String(sevenDay),
  'anthropic-ratelimit-unified-7d-reset': String(resetsAt),
});

/** The answer a prompt asks for by itself: `#word`, `#word=value` or `#[{"text":...},...]`, one answer a step of the turn. */
export function answerFor({ prompt, toolResults, side }: Asked): Answer {
  if (side) return { text: '{"title":"Test session","model_choice":"flash","next_speaker":"user","reasoning":"test"}' };
  if (/detailed summary of (?:the|this|our) conversation/.test(prompt)) return { text: SUMMARY_TEXT };
  const step = stepsOf(prompt)[toolResults];
  return step ?? { text: toolResults > 0 ? AFTER_TOOL_TEXT : DEFAULT_TEXT };
}

function stepsOf(prompt: string): readonly Answer[] {
  const json = JSON_STEPS.exec(prompt)?.[1];
  if (json !== undefined) {
    try {
      const steps: unknown = JSON.parse(json);
      if (Array.isArray(steps)) return steps;
    } catch {
      // Not ours: an ordinary prompt that happens to hold brackets.
    }
  }
  const [, word = '', value = ''] = WORD.exec(prompt) ?? [];
  return WORDS[word]?.(value) ?? [];
}

export const usageOf = (answer: Answer): Usage => ({
  input: 1200,
  output: 25,
  cacheRead: 9000,
  cacheWrite: 0,
  ...answer.usage,
});

/** Text in pieces as a model streams it: word by word. */
export const piecesOf = (text: string): readonly string[] => text.match(/\S+\s*|\s+/g) ?? [];

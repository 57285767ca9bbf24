/**
 * Owns: tools, subagents and background tasks as they start and end: recent ones, counts, which are still open.
 * Never: knows where the news comes from.
 */
import type {
  AgentCall,
  AgentFacts,
  BackgroundTask,
  FactSource,
  ToolCall,
} from '../../../api/resources/agent/facts.ts';
import { redact } from '../../../api/resources/redact.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { type Fields, textOf } from './transcript.ts';

const KEPT_TOOLS = 50;
const KEPT_AGENT_CALLS = 20;
const KEPT_BACKGROUND = 20;
/** More subagents or tools than this are never open at once; what is forgotten was lost without an end. */
const KEPT_OPEN = 100;
export const PREVIEW_LENGTH = 300;

const AGENT_TOOLS: ReadonlySet<string> = new Set(['Agent', 'Task']);

export interface ToolStart {
  readonly name: string;
  readonly input: Fields;
  readonly at: Instant;
  readonly id?: string;
  /** It was called by a subagent. */
  readonly inSubagent?: boolean;
}

interface Open {
  readonly name: string;
  readonly id: string | undefined;
  readonly inSubagent: boolean;
  tool: ToolCall;
  agentCall?: AgentCall;
}

/** Short, on one line, without secrets. */
export function preview(text: string): string {
  // Cut before it is cleaned would leave a part of a secret without its name; so some more is cleaned than is kept.
  const line = redact(text.slice(0, PREVIEW_LENGTH * 8))
    .replaceAll(/\s+/g, ' ')
    .trim();
  return line.length > PREVIEW_LENGTH ? `${line.slice(0, PREVIEW_LENGTH - 1)}…` : line;
}

/** What a tool was asked, in the words that say most. */
export function toolPreview(name: string, input: Fields): string {
  const first = (...names: readonly string[]): string => names.map((key) => textOf(input[key])).find(Boolean) ?? '';
  if (AGENT_TOOLS.has(name)) return preview(first('description', 'prompt', 'subagent_type'));
  const words = name.startsWith('mcp__')
    ? first('text', 'chat_id', 'query')
    : first('command', 'file_path', 'path', 'pattern', 'url', 'query', 'subject', 'description', 'skill');
  return preview(words || JSON.stringify(input));
}

/** Names are the agent's own words, so there is an end to how many are counted one by one. */
const KEPT_TOOL_NAMES = 256;
const OTHER_TOOLS = 'other';

export class ToolHistory {
  #recent: Open[] = [];
  #open: Open[] = [];
  readonly #counts = new Map<string, number>();
  #agentCalls: Open[] = [];
  #background: BackgroundTask[] = [];
  #last: ToolCall | undefined;
  #lastMcp: ToolCall | undefined;

  start({ name, input, at, id, inSubagent = false }: ToolStart): void {
    const tool: ToolCall = { name, preview: toolPreview(name, input), at };
    const open: Open = { name, id, inSubagent, tool };
    const counted = this.#counts.has(name) || this.#counts.size < KEPT_TOOL_NAMES ? name : OTHER_TOOLS;
    this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + 1);
    this.#last = tool;
    if (name.startsWith('mcp__')) this.#lastMcp = tool;
    if (AGENT_TOOLS.has(name)) {
      const type = textOf(input['subagent_type']);
      open.agentCall = { description: tool.preview, at, ...(type === '' ? {} : { type }) };
      this.#agentCalls = [...this.#agentCalls, open].slice(-KEPT_AGENT_CALLS);
    }
    if (input['run_in_background'] === true)
      this.#background = [...this.#background, { description: tool.preview, at }].slice(-KEPT_BACKGROUND);
    this.#recent = [...this.#recent, open].slice(-KEPT_TOOLS);
    this.#open = [...this.#open, open].slice(-KEPT_OPEN);
  }

  /** By its id; where there is none, the one of that name that was opened last. */
  end({ name, id, at, failed = false }: { name?: string; id?: string; at: Instant; failed?: boolean }): void {
    const byId = id === undefined ? -1 : this.#open.findLastIndex((open) => open.id === id);
    const index = byId >= 0 ? byId : this.#open.findLastIndex((open) => open.id === undefined && open.name === name);
    const open = this.#open[index];
    if (open === undefined) return;
    this.#open = this.#open.toSpliced(index, 1);
    open.tool = { ...open.tool, endedAt: at, ...(failed ? { failed } : {}) };
    if (open.agentCall) open.agentCall = { ...open.agentCall, endedAt: at };
  }

  /** The turn is over: nothing is open any more, whether its end was told or not (an interrupt tells none). */
  endAll(at: Instant): void {
    for (const open of this.#open) {
      open.tool = { ...open.tool, endedAt: at };
      if (open.agentCall) open.agentCall = { ...open.agentCall, endedAt: at };
    }
    this.#open = [];
  }

  /** The CLI's own list of what runs in the background; what is not on it is over. */
  setBackground(tasks: readonly BackgroundTask[]): void {
    this.#background = tasks.slice(-KEPT_BACKGROUND);
  }

  facts(source: FactSource): AgentFacts {
    const last = this.#last;
    if (last === undefined) return {};
    const fact = <T>(value: T, at: Instant = last.at) => ({ value, source, at });
    const current = this.#open.findLast((open) => !open.inSubagent) ?? this.#open.at(-1);
    const agentCalls = this.#agentCalls.flatMap(({ agentCall }) => agentCall ?? []);
    const background = this.#background;
    return {
      recentTools: fact(this.#recent.map(({ tool }) => tool)),
      toolCounts: fact(Object.fromEntries(this.#counts)),
      lastTool: fact({ name: last.name, at: last.at }),
      ...(this.#lastMcp
        ? { lastMcpTool: fact({ name: this.#lastMcp.name, at: this.#lastMcp.at }, this.#lastMcp.at) }
        : {}),
      ...(current ? { currentTool: fact(current.name, current.tool.at) } : {}),
      ...(agentCalls.length > 0
        ? {
            agentCalls: fact(agentCalls),
            openAgentCalls: fact(agentCalls.filter(({ endedAt }) => endedAt === undefined)),
          }
        : {}),
      ...(background.length > 0 ? { backgroundTasks: fact(background) } : {}),
    };
  }
}

/**
 * Owns: what the events of Claude Code's hooks tell, as its own words for them (hook_event_name) and ours (the kind) say.
 * Never: reads spools or keeps anything: the same events give the same facts.
 */
import type { Activity } from '../../../api/resources/agent/agent.ts';
import type { AgentFacts, BackgroundTask, FactValues, Prompt } from '../../../api/resources/agent/facts.ts';
import type { HookEvent } from '../../../api/resources/agent/hook-event.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { failureIn, faultIn } from '../reading/failures.ts';
import { preview, ToolHistory, toolPreview } from '../telling/tool-history.ts';
import { type Fields, fieldsOf, listOf, textOf } from '../telling/transcript.ts';
import { REQUEST_FAILED } from './error-log.ts';

const KEPT_PROMPTS = 5;

type Told = { -readonly [K in keyof AgentFacts]: AgentFacts[K] };

/** What happened, whichever of the two names the event has: the CLI's is finer, ours is always there. */
function nameOf({ kind, payload }: HookEvent): string {
  const told = textOf(payload['hook_event_name']);
  if (told !== '') return told;
  switch (kind) {
    case 'pretool':
      return 'PreToolUse';
    case 'posttool':
      return 'PostToolUse';
    case 'prompt':
      return 'UserPromptSubmit';
    case 'stop':
      return 'Stop';
    case 'notification':
      return 'Notification';
    case 'subagent-stop':
      return 'SubagentStop';
    case 'precompact':
      return 'PreCompact';
    case 'session-start':
      return 'SessionStart';
    case 'session-end':
      return 'SessionEnd';
    case 'other':
      return '';
  }
}

/** Errors by which a turn failed, as StopFailure names them. */
function activityOfError(error: string): Activity {
  if (/auth|login|oauth/.test(error)) return 'auth_error';
  if (/rate_limit/.test(error)) return 'rate_limited';
  if (/usage_limit|quota/.test(error)) return 'limit_reached';
  if (/too_long|context/.test(error)) return 'context_low';
  return 'error';
}

/** Kinds of errors that say less than the CLI's own sentence. */
const VAGUE = /^(?:server_error|overloaded|unknown|invalid_request)?$/;

/** An error as people are told it: its kind where that says it all, else what the CLI said. Also of its record. */
export const saidOfError = (error: string, said: string): string =>
  VAGUE.test(error) ? said || error || 'the turn failed' : error;

const QUESTION_TOOLS: ReadonlySet<string> = new Set(['AskUserQuestion', 'ExitPlanMode']);

export class ClaudeHooks {
  readonly #tools = new ToolHistory();
  readonly #told: Told = {};
  #prompts: Prompt[] = [];

  add(event: HookEvent): void {
    const { payload, at } = event;
    const name = nameOf(event);
    if (name === REQUEST_FAILED) {
      this.#requestFailed(payload, at);
      return;
    }
    this.#identity(payload, at);
    // It got through, or gave up, or something else was asked.
    if (name !== 'Notification') delete this.#told.requestError;
    const tool = textOf(payload['tool_name']);
    const inSubagent = textOf(payload['agent_id']) !== '';
    const id = textOf(payload['tool_use_id']);
    switch (name) {
      case 'PreToolUse':
        this.#tools.start({
          name: tool,
          input: fieldsOf(payload['tool_input']),
          at,
          inSubagent,
          ...(id ? { id } : {}),
        });
        this.#working(tool, inSubagent, at);
        break;
      case 'PostToolUse':
      case 'PostToolUseFailure':
        this.#tools.end({ name: tool, at, failed: name !== 'PostToolUse', ...(id ? { id } : {}) });
        this.#working(tool, inSubagent, at);
        break;
      case 'PermissionRequest':
        this.#activity(
          QUESTION_TOOLS.has(tool) ? 'question' : 'permission_prompt',
          `${tool}: ${toolPreview(tool, fieldsOf(payload['tool_input']))}`,
          at,
        );
        break;
      case 'UserPromptSubmit':
        this.#prompt(textOf(payload['prompt']), at);
        break;
      case 'Stop':
        this.#turnEnded(payload, at);
        this.#activity('idle', 'the turn ended', at);
        break;
      case 'StopFailure': {
        this.#turnEnded(payload, at);
        const error = textOf(payload['error']) || textOf(payload['error_type']);
        const said = textOf(payload['last_assistant_message']);
        this.#activity(activityOfError(error), saidOfError(error, said), at);
        this.#fault(`${error} ${said}`, at);
        break;
      }
      case 'Notification':
        this.#notification(payload, at);
        break;
      case 'PreCompact':
        this.#set('compactedAt', at, at);
        this.#activity('compacting', textOf(payload['trigger']), at);
        break;
      case 'PostCompact':
        this.#activity(payload['trigger'] === 'auto' ? 'working' : 'idle', 'the context was compacted', at);
        break;
      case 'SessionStart':
        this.#sessionStarted(payload, at);
        break;
      case 'SessionEnd':
        // `clear` and `resume` end one conversation and begin the next in the same process.
        if (/^(?:clear|resume)$/.test(textOf(payload['reason']))) break;
        this.#tools.endAll(at);
        this.#activity('exited', textOf(payload['reason']), at);
        break;
      default:
    }
  }

  /** It goes on trying, so this is no activity: the screen tells whether it still tries. */
  #requestFailed(payload: Fields, at: Instant): void {
    const [status, message] = [textOf(payload['status']), textOf(payload['message'])];
    const { activity, fault } = failureIn(`${status} ${message}`);
    const reason = preview(status === '' ? message : `${status}: ${message}`);
    this.#set('requestError', { activity, reason, ...(fault && { fault }) }, at);
  }

  #working(tool: string, inSubagent: boolean, at: Instant): void {
    // A subagent in the background works on while its parent has long come to rest.
    if (inSubagent && this.#told.activity?.value === 'idle') return;
    this.#activity('working', tool, at);
  }

  #set<K extends keyof FactValues>(name: K, value: FactValues[K], at: Instant): void {
    Object.assign(this.#told, { [name]: { value, source: 'hooks', at } });
  }

  #activity(activity: Activity, reason: string, at: Instant): void {
    this.#set('activity', activity, at);
    this.#set('activityReason', preview(reason), at);
    delete this.#told.fault;
  }

  #fault(said: string, at: Instant): void {
    const fault = this.#told.activity?.value === 'error' ? faultIn(said) : undefined;
    if (fault) this.#set('fault', fault, at);
  }

  #identity(payload: Fields, at: Instant): void {
    // A subagent's events carry its parent's conversation.
    for (const [name, key] of [
      ['sessionId', 'session_id'],
      ['transcriptPath', 'transcript_path'],
      ['permissionMode', 'permission_mode'],
    ] as const) {
      const value = textOf(payload[key]);
      if (value !== '') this.#set(name, value, at);
    }
  }

  #prompt(said: string, at: Instant): void {
    this.#tools.endAll(at);
    const text = preview(said);
    this.#prompts = [...this.#prompts, { text, at }].slice(-KEPT_PROMPTS);
    this.#set('recentPrompts', this.#prompts, at);
    this.#set('lastPrompt', text, at);
    this.#set('currentTask', text, at);
    this.#activity('working', 'a prompt was sent', at);
  }

  #turnEnded(payload: Fields, at: Instant): void {
    this.#tools.endAll(at);
    const message = preview(textOf(payload['last_assistant_message']));
    if (message !== '') this.#set('lastMessage', message, at);
    if (Array.isArray(payload['background_tasks'])) this.#tools.setBackground(backgroundOf(payload, at));
  }

  #notification(payload: Fields, at: Instant): void {
    const text = textOf(payload['message']);
    const type = textOf(payload['notification_type']);
    const known = this.#told.activity?.value;
    if (type === 'idle_prompt' || /waiting for your input/.test(text)) this.#activity('idle', text, at);
    // The request itself came before and says more.
    else if (known === 'permission_prompt' || known === 'question') return;
    else if (type === 'permission_prompt' || /permission/.test(text)) this.#activity('permission_prompt', text, at);
  }

  #sessionStarted(payload: Fields, at: Instant): void {
    const model = textOf(payload['model']);
    if (model !== '') this.#set('model', model, at);
    // At start-up dialogs may still stand before the prompt: the screen knows, the hook does not.
    if (/^(?:startup|resume)$/.test(textOf(payload['source']))) {
      delete this.#told.activity;
      delete this.#told.activityReason;
    }
  }

  facts(): AgentFacts {
    return { ...this.#tools.facts('hooks'), ...this.#told };
  }
}

function backgroundOf(payload: Fields, at: Instant): readonly BackgroundTask[] {
  return listOf(payload['background_tasks'])
    .filter((task) => !/^(?:completed|failed|killed|stopped)$/.test(textOf(task['status'])))
    .map((task) => {
      const id = textOf(task['id']) || textOf(task['task_id']);
      const description = textOf(task['description']) || textOf(task['command']) || textOf(task['type']);
      return { description: preview(description), at, ...(id === '' ? {} : { id }) };
    });
}

/** What these events tell together; at most the last 500 are kept for an agent, so this is asked of all of them anew. */
export function readClaudeHooks(events: Iterable<HookEvent>): AgentFacts {
  const hooks = new ClaudeHooks();
  for (const event of events) hooks.add(event);
  return hooks.facts();
}

/**
 * Owns: everything known of one agent at work, under the names that dashboards of its predecessor read.
 * Never: fails for what is not known: such a field has its empty value.
 */

import { statfs } from 'node:fs/promises';
import { cpus, freemem, loadavg, totalmem } from 'node:os';
import type { Transport } from '../adapters/transport/transport.ts';
import type { RichStatus } from '../api/protocol.ts';
import type { Activity } from '../api/resources/agent/agent.ts';
import { type AgentFacts, type ToldFact, toldFacts } from '../api/resources/agent/facts.ts';
import { redact, redactMcpJson } from '../api/resources/redact.ts';
import { type Instant, isoTime } from '../api/resources/time.ts';

export interface RichStatusInput {
  readonly facts: AgentFacts;
  readonly screen: string;
  readonly blocked: string;
  readonly workspace: string | undefined;
  readonly transport: Transport;
  readonly now: Instant;
}

const PANE_LINES = 40;
const CLAUDE_MD_CHARACTERS = 4_000;
const READ_BYTES = 65_536;

const PANE_STATES: Readonly<Record<Activity, string>> = {
  working: 'running',
  compacting: 'running',
  idle: 'idle_prompt',
  permission_prompt: 'y_n_prompt',
  question: 'y_n_prompt',
  dialog: 'y_n_prompt',
  compose_pending: 'compose_pending_unsent',
  auth_error: 'auth_error',
  limit_reached: 'limit_reached',
  rate_limited: 'limit_reached',
  starting: 'unknown',
  context_low: 'unknown',
  error: 'unknown',
  exited: 'unknown',
  unknown: 'unknown',
  none: 'unknown',
};

export async function richStatus(input: RichStatusInput): Promise<RichStatus> {
  const { facts, screen, blocked, workspace, transport, now } = input;
  const activity = facts.activity?.value ?? 'unknown';
  const file = (name: string) => (workspace === undefined ? '' : read(transport, `${workspace}/${name}`));
  const [claudeMd, mcpJson, metrics] = await Promise.all([file('CLAUDE.md'), file('.mcp.json'), machineMetrics()]);
  const quota = facts.quota?.value ?? {};
  const percent = (ratio: number | undefined): number => (ratio === undefined ? 0 : Math.round(ratio * 1000) / 10);
  const time = (at: Instant | undefined): string => (at === undefined ? '' : isoTime(at));
  const told: Readonly<Record<string, ToldFact>> = toldFacts(facts, now);
  return {
    pane_text: redact(screen.trimEnd().split('\n').slice(-PANE_LINES).join('\n')),
    pane_state: PANE_STATES[activity],
    activity,
    activity_reason: facts.activityReason?.value ?? '',
    stuck_prompt_text: redact(blocked),
    claude_md: redact(claudeMd.slice(0, CLAUDE_MD_CHARACTERS)),
    mcp_json: mcpJson === '' ? '' : redactMcpJson(mcpJson),
    recent_tools: (facts.recentTools?.value ?? []).map(({ at, endedAt, ...tool }) => ({
      ...tool,
      at: time(at),
      ...(endedAt !== undefined && { ended_at: time(endedAt) }),
    })),
    recent_prompts: (facts.recentPrompts?.value ?? []).map(({ text, at }) => ({ text, at: time(at) })),
    agent_calls: (facts.agentCalls?.value ?? []).map(({ at, endedAt, ...call }) => ({
      ...call,
      at: time(at),
      open: endedAt === undefined,
      age_s: Math.round((now - at) / 1000),
    })),
    background_tasks: (facts.backgroundTasks?.value ?? []).map(({ at, endedAt, ...task }) => ({
      ...task,
      at: time(at),
      open: endedAt === undefined,
    })),
    tool_counts: facts.toolCounts?.value ?? {},
    last_tool_at: time(facts.lastTool?.value.at),
    last_tool_name: facts.lastTool?.value.name ?? '',
    last_mcp_tool_at: time(facts.lastMcpTool?.value.at),
    last_mcp_tool_name: facts.lastMcpTool?.value.name ?? '',
    // Actions on panes come with a later part; nothing has been done yet.
    last_action_at: '',
    last_action_name: '',
    last_action_outcome: '',
    last_action_elapsed_s: 0,
    action_counts: {},
    p95_elapsed_s_by_action: {},
    context_pct: percent(facts.contextUsedRatio?.value),
    current_tool: facts.currentTool?.value ?? '',
    current_task: facts.currentTask?.value ?? '',
    last_user_msg: facts.lastPrompt?.value ?? '',
    model_transcript: facts.model?.value ?? '',
    cli_version: facts.cliVersion?.value ?? '',
    session_id: facts.sessionId?.value ?? '',
    tokens: facts.tokens?.value ?? {},
    cost_usd_estimate: facts.costUsdEstimate?.value ?? 0,
    quota_5h_used_pct: percent(quota['5h']?.usedRatio),
    quota_7d_used_pct: percent(quota['7d']?.usedRatio),
    quota_5h_reset_at: time(quota['5h']?.resetsAt),
    quota_7d_reset_at: time(quota['7d']?.resetsAt),
    metrics,
    facts: told,
  };
}

/** Empty when it is not there. Not through a link: the workspace is the agent's. */
async function read(transport: Transport, path: string): Promise<string> {
  if (transport.readFile) return Buffer.from((await transport.readFile(path, READ_BYTES)) ?? '').toString('utf8');
  try {
    const { code, stdout } = await transport.run(
      ['sh', '-c', '[ ! -L "$1" ] && [ -f "$1" ] && head -c "$2" -- "$1"', 'sac-read', path, `${READ_BYTES}`],
      { timeoutMs: 5_000 },
    );
    return code === 0 ? stdout : '';
  } catch {
    return '';
  }
}

async function machineMetrics(): Promise<Readonly<Record<string, number>>> {
  const disk = await statfs('/').catch(() => undefined);
  return {
    cpu_count: cpus().length,
    load_1m: loadavg()[0] ?? 0,
    memory_total_bytes: totalmem(),
    memory_used_bytes: totalmem() - freemem(),
    ...(disk && { disk_total_bytes: disk.blocks * disk.bsize, disk_free_bytes: disk.bavail * disk.bsize }),
  };
}

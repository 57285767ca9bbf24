/**
 * Owns: what can be known of an agent at work, where each fact comes from and how old it is.
 * Never: reads or merges; see controller/observed/facts.ts. Texts in facts have been redacted before they got here.
 */

import type { Instant } from '../time.ts';
import type { Activity } from './agent.ts';

/** In the order of trust: an event the CLI pushed, its own record, what its screen shows. */
export const FACT_SOURCES = ['hooks', 'transcript', 'screen'] as const;
export type FactSource = (typeof FACT_SOURCES)[number];

export interface Fact<T> {
  readonly value: T;
  readonly source: FactSource;
  /** When it was last true or last happened, as its source tells; its age is counted from here. */
  readonly at: Instant;
}

export interface TokenCounts {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}
export const TOKEN_KINDS = [
  'input',
  'output',
  'cacheRead',
  'cacheWrite',
] as const satisfies readonly (keyof TokenCounts)[];

export interface ToolCall {
  readonly name: string;
  /** What it was asked, in short; redacted. */
  readonly preview: string;
  readonly at: Instant;
  /** Absent: it has not come back yet. */
  readonly endedAt?: Instant;
  readonly failed?: boolean;
}

/** A subagent that was started. Open while `endedAt` is absent. */
export interface AgentCall {
  readonly description: string;
  readonly type?: string;
  readonly at: Instant;
  readonly endedAt?: Instant;
}

export interface BackgroundTask {
  readonly description: string;
  readonly at: Instant;
  readonly id?: string;
  readonly endedAt?: Instant;
}

export interface Prompt {
  readonly text: string;
  readonly at: Instant;
}

/** How a tool was last called: the sign that the model works and not only the process. */
export interface LastTool {
  readonly name: string;
  readonly at: Instant;
}

/** What of a service made a request fail that was sound. */
export const SERVICE_FAULTS = ['overloaded', 'server_error'] as const;
export type ServiceFault = (typeof SERVICE_FAULTS)[number];

export interface FactValues {
  readonly activity: Activity;
  /** Why the activity is what it is, in a few words: an error's kind, what permission is asked for. */
  readonly activityReason: string;
  /** With the activity `error`: what of the service it is due to, where that is known. */
  readonly fault: ServiceFault;
  /** Why its last request failed, while it goes on trying. */
  readonly requestError: { readonly activity: Activity; readonly reason: string; readonly fault?: ServiceFault };
  /** When it last began to compact its context. */
  readonly compactedAt: Instant;
  readonly currentTool: string;
  readonly currentTask: string;
  readonly model: string;
  readonly cliVersion: string;
  readonly sessionId: string;
  readonly transcriptPath: string;
  readonly permissionMode: string;
  /** 0 to 1. */
  readonly contextUsedRatio: number;
  readonly contextTokens: number;
  /** Tokens that fit; only when it is known and not guessed. */
  readonly contextWindow: number;
  /** Of the whole session. */
  readonly tokens: TokenCounts;
  /** By day, `YYYY-MM-DD` in UTC, the last two days that had any. */
  readonly tokensByDay: Readonly<Record<string, TokenCounts>>;
  /** Estimate by a table of list prices; absent for models the table does not know. */
  readonly costUsdEstimate: number;
  readonly recentTools: readonly ToolCall[];
  readonly recentPrompts: readonly Prompt[];
  readonly toolCounts: Readonly<Record<string, number>>;
  readonly agentCalls: readonly AgentCall[];
  readonly openAgentCalls: readonly AgentCall[];
  readonly backgroundTasks: readonly BackgroundTask[];
  readonly lastTool: LastTool;
  readonly lastMcpTool: LastTool;
  readonly lastPrompt: string;
  readonly lastMessage: string;
  readonly quota: Readonly<Record<string, { readonly usedRatio: number; readonly resetsAt?: Instant }>>;
}
export type FactName = keyof FactValues;

/** What one source tells, or what is known of all; a fact nobody told is absent, never a default. */
export type AgentFacts = { readonly [K in FactName]?: Fact<FactValues[K]> };

/** A fact as it is shown: with its age. */
export interface ToldFact {
  readonly value: unknown;
  readonly source: FactSource;
  readonly ageSeconds: number;
}

export function toldFacts(facts: AgentFacts, now: Instant): Readonly<Record<string, ToldFact>> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, { value, source, at }]) => [
      name,
      { value, source, ageSeconds: Math.max(0, Math.round((now - at) / 1000)) },
    ]),
  );
}

/** Tokens that fit, only when the name itself says it; a model alone does not tell which window the account has. */
export const windowFromName = (model: string): number | undefined => (/\[1m\]$/i.test(model) ? 1_000_000 : undefined);

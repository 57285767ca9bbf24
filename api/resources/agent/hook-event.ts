/**
 * Owns: an event of an agent's hook, and the line it is in a spool: kind, time and payload, also of one that was cut.
 * Never: reads files, or knows what a payload means.
 */
import type { Instant } from '../time.ts';

export const HOOK_KINDS = [
  'pretool',
  'posttool',
  'prompt',
  'stop',
  'notification',
  'subagent-stop',
  'precompact',
  'session-start',
  'session-end',
  'other',
] as const;
export type HookKind = (typeof HOOK_KINDS)[number];

export type HookPayload = Readonly<Record<string, unknown>>;

export interface HookEvent {
  readonly kind: HookKind;
  readonly at: Instant;
  readonly payload: HookPayload;
  /** The payload was too long; only its plain texts up to there are known. */
  readonly cut: boolean;
}

const LINE = /^([a-z-]+) (\d{10,13})\S* (.*)$/s;
/** A top-level text of a payload that breaks off: as it comes before long things, the first of a name is the right one. */
const TEXT_FIELD =
  /"(session_id|transcript_path|cwd|hook_event_name|tool_name|tool_use_id|agent_id|prompt|description|file_path|command)":("(?:[^"\\]|\\.)*")/g;

/** Undefined for a line that is none of ours: a torn write, a foreign file. */
export function parseSpoolLine(line: string): HookEvent | undefined {
  const [, word, time, text = ''] = LINE.exec(line) ?? [];
  if (word === undefined || time === undefined) return undefined;
  const kind = HOOK_KINDS.find((known) => known === word) ?? 'other';
  // Where `date` knows no milliseconds it tells seconds.
  const at = time.length > 11 ? Number(time) : Number(time) * 1000;
  try {
    const payload: unknown = JSON.parse(text.trim() === '' ? '{}' : text);
    return { kind, at, payload: isPayload(payload) ? payload : {}, cut: false };
  } catch {
    return { kind, at, payload: salvage(text), cut: true };
  }
}

const isPayload = (value: unknown): value is HookPayload =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const INPUT_FIELDS: ReadonlySet<string> = new Set(['description', 'file_path', 'command']);

function salvage(text: string): HookPayload {
  const payload: Record<string, unknown> = {};
  const input: Record<string, unknown> = {};
  for (const [, name = '', value = '""'] of text.matchAll(TEXT_FIELD)) {
    const target = INPUT_FIELDS.has(name) ? input : payload;
    try {
      target[name] ??= JSON.parse(value);
    } catch {
      // Not JSON after all; the event's kind and time are still worth keeping.
    }
  }
  return { ...payload, tool_input: input };
}

/** The line for an event; payloads are JSON, in which raw newlines mean nothing. adapters/profiles/hooks/spooler.ts writes the same. */
export const spoolLine = (kind: HookKind, at: Instant, payload: string): string =>
  `${kind} ${at} ${payload.replaceAll(/[\n\r]/g, ' ')}\n`;

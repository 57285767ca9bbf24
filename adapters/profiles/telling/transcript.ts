/**
 * Owns: the contract of what reads a CLI's own record of a conversation.
 * Never: opens files; lines are handed to it, see file-tail.ts.
 */
import type { AgentFacts } from '../../../api/resources/agent/facts.ts';
import type { HookEvent } from '../../../api/resources/agent/hook-event.ts';
import type { RecordDatabase } from './database-tail.ts';
import type { RecordStore } from './newest-record.ts';

/** Reads one conversation, line by line, in order; cheap to ask between lines. Lines it does not understand are passed over. */
export interface TranscriptReader {
  add(line: string): void;
  facts(): AgentFacts;
}

/** What reads a CLI's events and its record; either may be missing. */
export interface Telling {
  readonly hooks?: (events: Iterable<HookEvent>) => AgentFacts;
  /** Events that the CLI itself writes into the spool, in lines of its own form; undefined: none. */
  readonly foreignLine?: (line: string) => HookEvent | undefined;
  readonly transcript?: () => TranscriptReader;
  /** Where the record is looked for; absent: a hook names it. */
  readonly records?: RecordStore;
  /** The same, where its hooks cannot be heard. */
  readonly recordsUnhooked?: RecordStore;
  /** It is no file of lines but in a database; elsewhere a copy of it is read. */
  readonly database?: RecordDatabase;
}

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});
export const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
export const numberOf = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);

/** The object a line of JSON holds; undefined for anything else. */
export function parseFields(line: string): Fields | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Owns: how Claude Code tells of itself: its hooks and its transcript.
 * Never: more than names them.
 */
import type { Telling } from '../telling/transcript.ts';
import { errorLogLine } from './error-log.ts';
import { readClaudeHooks } from './hooks.ts';
import { ClaudeTranscript } from './transcript.ts';

export const CLAUDE_TELLING: Telling = {
  hooks: readClaudeHooks,
  foreignLine: errorLogLine,
  transcript: () => new ClaudeTranscript(),
  // Not those of its subagents, which are named otherwise.
  recordsUnhooked: { folder: '.claude/projects', files: '/[0-9a-f-]{36}[.]jsonl$', holds: '"cwd":"{pwd}"' },
};

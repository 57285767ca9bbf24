/**
 * Owns: Claude Code's own log of errors, which it is asked to write into its agent's spool: why a request failed that is tried
 * again. Its screen, hooks and transcript tell that only after the last attempt, minutes later.
 * Never: asks for more than errors, or touches what a manifest says of debugging. By experiment with 2.1.197 and 2.1.330.
 */
import type { AgentSpec } from '../../../api/resources/agent/agent.ts';
import type { HookEvent } from '../../../api/resources/agent/hook-event.ts';
import { wordsOf } from '../launch.ts';
import { fieldsOf, parseFields, textOf } from '../telling/transcript.ts';

/** The name of the event that such a line is. */
export const REQUEST_FAILED = 'RequestFailed';

const OWN_DEBUGGING = ['DEBUG', 'DEBUG_SDK', 'CLAUDE_CODE_DEBUG_LOGS_DIR', 'CLAUDE_CODE_DEBUG_LOG_LEVEL'];

/** Variables by which errors, and nothing else, are appended to `spool`. None where the manifest debugs on its own. */
export function errorLogEnv(spec: AgentSpec, spool: string): Readonly<Record<string, string>> {
  const words = [...wordsOf(spec), ...spec.claude.flags];
  if (OWN_DEBUGGING.some((name) => name in spec.env) || words.some((word) => /^(?:-d$|--debug)/.test(word))) return {};
  // Not the variable DEBUG, which every program means that an agent runs. "DIR" is the name of a file.
  return { DEBUG_SDK: '1', CLAUDE_CODE_DEBUG_LOG_LEVEL: 'error', CLAUDE_CODE_DEBUG_LOGS_DIR: spool };
}

const LINE =
  /^(\d{4}-\d\d-\d\dT[\d:.]+Z) \[ERROR\] API error \(attempt \d+\/\d+\): (?:(\d{3}) |undefined )?(?:\d{3} )?(.*)$/;

/** `TIME [ERROR] API error (attempt 2/11): 529 529 {"error":{"message":"Overloaded"}}`; undefined for all else. */
export function errorLogLine(line: string): HookEvent | undefined {
  const [, time = '', status = '', text = ''] = LINE.exec(line) ?? [];
  const at = Date.parse(time);
  if (!Number.isFinite(at)) return undefined;
  const message = textOf(fieldsOf(parseFields(text)?.['error'])['message']) || text;
  return { kind: 'other', at, payload: { hook_event_name: REQUEST_FAILED, status, message }, cut: false };
}

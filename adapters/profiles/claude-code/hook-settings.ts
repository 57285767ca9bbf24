/**
 * Owns: our hooks among a user's in Claude Code's settings (`.claude/settings.local.json` of the workspace): put in, taken out.
 * Never: touches what is not ours, or a file it cannot read; reads or writes files.
 */
import type { HookKind } from '../../../api/resources/agent/hook-event.ts';
import { hookCommand } from '../hooks/spooler.ts';

/** Below the workspace; the only place of a project that Claude Code reads and that is not meant to be committed. */
export const SETTINGS_FILE = '.claude/settings.local.json';

/** Claude Code's events and our kinds. Those that our kinds have no word for are `other`; the payload names them. */
const EVENTS: Readonly<Record<string, HookKind>> = {
  PreToolUse: 'pretool',
  PostToolUse: 'posttool',
  UserPromptSubmit: 'prompt',
  Stop: 'stop',
  Notification: 'notification',
  SubagentStop: 'subagent-stop',
  PreCompact: 'precompact',
  SessionStart: 'session-start',
  SessionEnd: 'session-end',
};
/** Came later than the others: an older Claude Code would refuse settings that name them. */
const LATER_EVENTS: Readonly<Record<string, HookKind>> = {
  PostToolUseFailure: 'other',
  PermissionRequest: 'other',
  StopFailure: 'other',
  PostCompact: 'other',
};
const LATER_SINCE = [2, 1, 100] as const;
const WITH_MATCHER: ReadonlySet<string> = new Set([
  'PreToolUse',
  'PostToolUse',
  'PostToolUseFailure',
  'PermissionRequest',
]);
/** Seconds; a hook takes milliseconds, but a hanging disk must not hold a tool call for Claude Code's own minute. */
const TIMEOUT_SECONDS = 5;

export type SettingsChange =
  | {
      readonly state: 'changed' | 'unchanged';
      readonly content: string;
      /** Our hooks are there but will not run, because the user's settings say so. */
      readonly inert?: string;
    }
  /** Left as it is. */
  | { readonly state: 'refused'; readonly reason: string };

type Json = Readonly<Record<string, unknown>>;
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Also written by hand or by an earlier version: two of them would tell everything twice. */
const isOurs = (hook: unknown): boolean =>
  isJson(hook) &&
  typeof hook['command'] === 'string' &&
  /(?:\bSAC_HOOK\b|^\s*sac\s).*\bhook-event\b/.test(hook['command']);

function eventsFor(version: string | undefined): Readonly<Record<string, HookKind>> {
  const parts = (version ?? '').split('.').map(Number);
  for (const [index, least] of LATER_SINCE.entries()) {
    const part = parts[index];
    if (part === undefined || Number.isNaN(part) || part < least) return EVENTS;
    if (part > least) break;
  }
  return { ...EVENTS, ...LATER_EVENTS };
}

/**
 * The settings with our hooks in them, or (`version: 'none'`) without. Idempotent: what is as it should be is returned
 * byte for byte. `before` is the file's text, undefined when there is none; `version` is Claude Code's, when it is known.
 */
export function withOurHooks(before: string | undefined, version?: string): SettingsChange {
  let settings: unknown = {};
  try {
    if (before !== undefined && before.trim() !== '') settings = JSON.parse(before);
  } catch (error) {
    return refused(`is not JSON (${error instanceof Error ? error.message : 'unreadable'})`);
  }
  if (!isJson(settings)) return refused('is not a JSON object');
  const hooks = settings['hooks'] ?? {};
  if (!isJson(hooks)) return refused('has "hooks" that are not an object');
  const wanted = version === 'none' ? {} : eventsFor(version);
  const merged: Record<string, unknown> = {};
  for (const event of new Set([...Object.keys(hooks), ...Object.keys(wanted)])) {
    const groups = hooks[event] ?? [];
    if (!Array.isArray(groups)) return refused(`has hooks.${event} that is not a list`);
    const next = withOurs(groups, event, wanted[event]);
    // A list the user left empty stays; one that held ours alone goes with them.
    if (next.length > 0 || groups.length === 0) merged[event] = next;
  }
  for (const event of Object.keys(merged)) if (!(event in hooks) && !(event in wanted)) delete merged[event];
  const { hooks: _, ...rest } = settings;
  const keepsHooks = Object.keys(merged).length > 0 || ('hooks' in settings && Object.keys(hooks).length === 0);
  const after = 'hooks' in settings ? { ...settings, hooks: merged } : { ...rest, hooks: merged };
  const result = keepsHooks ? after : rest;
  const inert = settings['disableAllHooks'] === true ? 'disableAllHooks is set' : undefined;
  const told = inert === undefined ? {} : { inert };
  if (before !== undefined && JSON.stringify(result) === JSON.stringify(settings))
    return { state: 'unchanged', content: before, ...told };
  const indent = /^[ \t]+(?=")/m.exec(before ?? '')?.[0] ?? '  ';
  return { state: 'changed', content: `${JSON.stringify(result, undefined, indent)}\n`, ...told };
}

/** Ours stands where it stood, in a group of its own; the user's groups keep their order. */
function withOurs(groups: readonly unknown[], event: string, kind: HookKind | undefined): readonly unknown[] {
  const ours =
    kind === undefined
      ? undefined
      : {
          ...(WITH_MATCHER.has(event) ? { matcher: '' } : {}),
          hooks: [{ type: 'command', command: hookCommand(kind), timeout: TIMEOUT_SECONDS }],
        };
  let placed = ours === undefined;
  const next: unknown[] = [];
  for (const group of groups) {
    const inside = isJson(group) && Array.isArray(group['hooks']) ? group['hooks'] : [];
    const theirs = inside.filter((hook) => !isOurs(hook));
    if (theirs.length === inside.length) {
      next.push(group);
      continue;
    }
    if (theirs.length > 0 && isJson(group)) next.push({ ...group, hooks: theirs });
    if (!placed) next.push(ours);
    placed = true;
  }
  if (!placed) next.push(ours);
  return next;
}

const refused = (reason: string): SettingsChange => ({ state: 'refused', reason: `${SETTINGS_FILE} ${reason}` });

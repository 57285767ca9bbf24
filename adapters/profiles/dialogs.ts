/**
 * Owns: the known dialogs as plain data: what an answer means and the one key to press first. Keys by experiment, see docs/screens.md.
 * Never: presses keys. After each key the screen is read again; a second key is another decision.
 */
import type { ProfileName } from '../../api/resources/agent.ts';

export interface DialogRule {
  /** As the profile's reader names it. */
  readonly name: string;
  readonly profile: ProfileName;
  /** `never`: a person must answer, since no answer is right without knowing more. */
  readonly answer: 'accept' | 'dismiss' | 'never';
  /** The first key, by tmux's name, alone: look at the screen before any other. Empty when never answered. */
  readonly keys: readonly string[];
  /** Accepted only if the manifest's flags asked for what it allows. */
  readonly danger?: boolean;
  /** What accepting means, for logs. */
  readonly means: string;
}

const rule = (
  profile: ProfileName,
  name: string,
  answer: DialogRule['answer'],
  key: string | undefined,
  means: string,
  danger = false,
): DialogRule => ({
  profile,
  name,
  answer,
  keys: key === undefined ? [] : [key],
  means,
  ...(danger ? { danger } : {}),
});

/** Rules by profile. A dialog that is not among them is never answered. */
export const DIALOG_RULES: readonly DialogRule[] = [
  rule('claude-code', 'trust', 'accept', '1', 'the workspace is trusted'),
  rule('claude-code', 'trust-legacy', 'accept', 'y', 'the workspace is trusted'),
  // Enter stands on 'No, exit', so the digit it must be.
  rule('claude-code', 'bypass', 'accept', '2', 'no permission is asked for any more', true),
  rule('claude-code', 'legacy-yn', 'accept', 'y', 'no permission is asked for any more', true),
  // The default rejects the key, and the rejection is remembered.
  rule('claude-code', 'apikey', 'accept', '1', 'the key of the environment is used'),
  rule('claude-code', 'mcp-one', 'accept', '1', 'this server of the project is used'),
  rule('claude-code', 'mcp-two', 'accept', 'Enter', 'the ticked servers of the project are used'),
  rule('claude-code', 'mcp-json-edit', 'accept', '1', 'the file of servers is written'),
  rule('claude-code', 'external-imports', 'accept', '1', 'files outside the workspace are read into the instructions'),
  rule('claude-code', 'dev-channels', 'accept', '1', 'channels under development are loaded', true),
  rule('claude-code', 'thinking-effort', 'accept', '1', 'the proposed effort is kept'),
  rule('claude-code', 'theme', 'accept', 'Enter', 'the selected theme is kept'),
  rule('claude-code', 'security-notes', 'accept', 'Enter', 'the notes are read'),
  rule('claude-code', 'press-enter', 'accept', 'Enter', 'what it said is read'),
  // The selected option resumes from a summary; the whole session is what was asked for.
  rule('claude-code', 'resume-session', 'accept', '2', 'the whole session is resumed'),
  // Options differ by account; the first waits or closes, but a person may rather want to pay.
  rule('claude-code', 'rate-limit-options', 'never', undefined, 'waiting or paying is for a person to choose'),
  // Its first option sends a prompt to the model, its second exits.
  rule('claude-code', 'settings-error', 'never', undefined, 'the settings are broken and must be mended'),
  rule('claude-code', 'resume-picker', 'never', undefined, 'a session must be picked'),
  rule('claude-code', 'login-method', 'never', undefined, 'somebody must log in'),
  rule('claude-code', 'login-code', 'never', undefined, 'somebody must log in'),
  // A digit only selects here.
  rule('codex', 'trust', 'accept', 'Enter', 'the workspace is trusted'),
  rule('codex', 'login-method', 'never', undefined, 'somebody must log in'),
  rule('codex', 'agent-command-center', 'never', undefined, 'a task must be picked or begun'),
  rule('gemini', 'trust', 'accept', '1', 'the workspace is trusted; the CLI restarts itself'),
  rule('gemini', 'auth', 'never', undefined, 'a way to log in must be picked'),
  rule('gemini', 'auth-api-key', 'never', undefined, 'a key must be given'),
  rule('aider', 'gitignore', 'accept', 'y', 'its own files are ignored by git'),
  rule('aider', 'analytics', 'dismiss', 'n', 'nothing is reported'),
  rule('aider', 'open-docs', 'dismiss', 'n', 'no browser is opened'),
  rule('aider', 'login-openrouter', 'never', undefined, 'somebody must log in'),
  rule('cursor', 'trust', 'accept', 'a', 'the workspace is trusted'),
  rule('cursor', 'login', 'never', undefined, 'somebody must log in'),
];

/** The rule for a dialog a reader named; undefined for one that must not be answered unasked. */
export function ruleFor(profile: ProfileName, name: string): DialogRule | undefined {
  return DIALOG_RULES.find((known) => known.profile === profile && known.name === name);
}

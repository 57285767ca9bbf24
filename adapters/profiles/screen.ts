/**
 * Owns: what a screen is and what reading one tells.
 * Never: captures screens or presses keys; never knows one CLI.
 */
import type { Activity } from '../../api/resources/agent/agent.ts';
import type { ServiceFault } from '../../api/resources/agent/facts.ts';

/** The visible part of a terminal, as `tmux capture-pane -p` gives it. Whatever else the place can tell makes reading surer. */
export interface Screen {
  /** Lines of the visible screen, separated by newlines, without escape sequences. */
  readonly text: string;
  /** The pane's title, as the program set it (OSC 0/2). */
  readonly title?: string;
  /** Name of the foreground command, e.g. `claude`, `node`, `bash`. */
  readonly foreground?: string;
  /** Columns and rows, when known. */
  readonly width?: number;
  readonly height?: number;
}

export interface DialogOption {
  /** The digit that stands before it, if one does. */
  readonly number?: number;
  readonly label: string;
  /** The selector stands on it. */
  readonly selected: boolean;
  /** In a list of check boxes. */
  readonly checked?: boolean;
}

/** A question on the screen that takes keys: at start-up, a permission, a choice. */
export interface DialogSeen {
  /** A known dialog's name (`trust`, `bypass`, `apikey`, ...); `unknown` when it is a dialog nobody described. */
  readonly name: string;
  /** How it takes an answer. */
  readonly selector: 'radio' | 'checkbox' | 'enter' | 'yes-no' | 'text';
  readonly options: readonly DialogOption[];
  /** What it says, without borders, for people and for user-written rules. */
  readonly text: string;
}

/** When a limit ends: the first match from now on is meant. */
export interface ResetTime {
  /** crontab(5), as croner reads it. */
  readonly cron: string;
  readonly timeZone: string;
}

/** What one screen tells. Absent fields were not on it. */
export interface PaneState {
  readonly activity: Activity;
  /** Why it is read so: one short sentence for people. */
  readonly reason: string;
  readonly dialog?: DialogSeen;
  /** Tool that is running or asks for permission, e.g. `Bash`. */
  readonly tool?: string;
  /** Seconds the current turn has taken. */
  readonly elapsedSeconds?: number;
  readonly subagents?: number;
  readonly backgroundShells?: number;
  /** What an `error` is due to, where the screen says it. */
  readonly fault?: ServiceFault;
  /** As the screen says it, e.g. `3pm (UTC)`. */
  readonly resetsAt?: string;
  /** By window (`5h`, `7d`), while the CLI shows it; usedRatio: 0 to 1. */
  readonly quotaUsed?: Readonly<Record<string, { readonly usedRatio: number; readonly resets?: ResetTime }>>;
  /** 0 to 1. */
  readonly contextUsedRatio?: number;
  readonly model?: string;
  /** Of the CLI, from its banner; gone when that has scrolled away. */
  readonly cliVersion?: string;
  /** Text in the composer that was typed and not sent. */
  readonly composed?: string;
}

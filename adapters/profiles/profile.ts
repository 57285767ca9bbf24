/**
 * Owns: the contract of one agent CLI: how it is launched and resumed, how its screen reads, which dialogs it shows.
 * Never: knows where the CLI runs. Data and pure functions.
 */
import type { AgentSpec, ProfileName } from '../../api/resources/agent/agent.ts';
import type { SettingsChange } from './claude-code/hook-settings.ts';
import type { PaneState, Screen } from './screen.ts';
import type { Telling } from './telling/transcript.ts';

export interface LaunchCommand {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Variables whose values are those of variables of the controller, looked up at planning. */
  readonly secretEnv?: Readonly<Record<string, string>>;
  /** A saved login, whose token this variable is given in the moment of the start. */
  readonly login?: { readonly account: string; readonly variable: string };
  /** Variables taken out of its environment, whoever set them: the CLI would use them in the stead of the login. */
  readonly withheld?: readonly string[];
  /** Why it must not be started: what the manifest asks for cannot be had, and something else would be used in its stead. */
  readonly refused?: string;
}

/** A dialog of this CLI and the keys that answer it; after each key the screen is looked at. */
export interface DialogRule {
  readonly name: string;
  readonly accept: readonly string[];
  readonly decline?: readonly string[];
  /**
   * What the label of the option begins with that accepts, and of the one that declines: versions of a CLI number their options
   * or do not, order them anew and have another one selected. Where options are listed, the keys above only say whether a
   * digit accepts at once; the option is found by its label, and one that is not there is not answered.
   */
  readonly option?: { readonly accept: RegExp; readonly decline?: RegExp };
  /** Accepting it gives the agent more than a person would by default: done only when the manifest asks for it. */
  readonly dangerous?: true;
}

/** Where a CLI keeps its conversations, and how it goes on with one. Looked at on the agent's machine when it starts. */
export interface SessionStore {
  /** Folder below the agent's home. `{cwd}`: the working directory, resolved, with all but letters and digits made `-`. */
  readonly folder: string;
  /** Pattern of its files' names, at any depth. */
  readonly files: string;
  /** A file is a conversation to go on with if it holds this text. `{pwd}`: the working directory, resolved. */
  readonly holds: string;
  /** Added to the launch to go on with the newest conversation. */
  readonly continueArgs: readonly string[];
  readonly resumeArgs: (id: string) => readonly string[];
}

/** What one agent CLI is like. */
export interface Profile {
  readonly name: ProfileName;
  /** Whether idle and working can be told apart; without it, OnIdle restarts at once. */
  readonly readsActivity: boolean;
  launch(spec: AgentSpec): LaunchCommand;
  /** Dialogs that are dangerous to accept, but that the manifest's flags ask for. */
  asksFor(spec: AgentSpec): readonly string[];
  readonly dialogs: readonly DialogRule[];
  read(screen: Screen): PaneState;
  readonly session?: SessionStore;
  /** What it tells of itself besides its screen. */
  readonly telling?: Telling;
  /** Variables by which it writes more of itself into its spool than hooks do; see `telling.foreignLine`. */
  readonly spoolEnv?: (spec: AgentSpec, spool: string) => Readonly<Record<string, string>>;
  /** Where its hooks are configured, below the workspace, and how ours are put there; undefined text: there is no file. */
  readonly hookSettings?: { readonly file: string; readonly merge: (text: string | undefined) => SettingsChange };
}

/** What became of a settings file: the text to write, or why it was left alone. */
export type HookSettingsChange =
  | { readonly text: string }
  | { readonly unchanged: true }
  | { readonly refused: string };

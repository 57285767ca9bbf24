/**
 * Owns: what a verb is: enough to show help and complete it, and how to load what it does.
 * Never: imports an implementation; those are loaded when their verb is run.
 */
import type { Client, Target } from '../api/client.ts';
import type { Home } from '../api/home.ts';
import type { ExitCode } from '../api/resources/errors.ts';

export type OptionValue = string | boolean | readonly string[] | undefined;
export type Options = Readonly<Record<string, OptionValue>>;

/** Where a verb speaks and what it may ask for. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: Home;
  readonly stdin: () => Promise<Uint8Array>;
  readonly stdinIsTerminal: boolean;
  readonly out: Output;
  readonly err: Output;
  /** Which controller is meant; starts none. */
  readonly target: () => Promise<Target>;
  /** A client of it; starts a local controller in the background when none runs. */
  readonly client: () => Promise<Client>;
  /** A client of it; NoControllerError when none runs. */
  readonly running: () => Promise<Client>;
  readonly signal: AbortSignal;
}

export interface Output {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Terminal and NO_COLOR not set. */
  readonly colour: boolean;
  readonly columns: number;
  readonly rows: number;
}

export type Run = (args: readonly string[], options: Options, context: Context) => Promise<ExitCode | number>;

export interface OptionDefinition {
  /** commander's syntax: `-f, --filename <path>`; `repeat` collects values. */
  readonly flags: string;
  readonly description: string;
  readonly repeat?: boolean;
}

export interface Verb {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** commander's syntax: `<name> [more...]`. */
  readonly args?: string;
  readonly options?: readonly OptionDefinition[];
  readonly examples: readonly string[];
  /** Everything after the name is the verb's own business (`exec NAME -- CMD`). */
  readonly passThrough?: boolean;
  /** For shells and scripts, not for people: not in help or completion. */
  readonly hidden?: boolean;
  readonly subverbs?: readonly Verb[];
  readonly load?: () => Promise<{ readonly run: Run }>;
}

export const text = (options: Options, key: string): string | undefined => {
  const value = options[key];
  return typeof value === 'string' ? value : undefined;
};
export const flag = (options: Options, key: string): boolean => options[key] === true;
export const texts = (options: Options, key: string): readonly string[] => {
  const value = options[key];
  return Array.isArray(value) ? value : typeof value === 'string' ? [value] : [];
};

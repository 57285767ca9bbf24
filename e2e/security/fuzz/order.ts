/** Owns: what goes between a test and the thread of a part. Never: runs on import, as worker.ts does. */
export const PARTS = ['manifest reader', 'tmux', 'quoting', 'HTTP'] as const;
export type PartName = (typeof PARTS)[number];

export interface Order {
  readonly part: PartName;
  readonly seconds: number;
  readonly seed: number | undefined;
  /** Of the controller that is asked. */
  readonly socket: string;
}
export interface Tried {
  readonly what: string;
  readonly runs: number;
  /** With seed, path and counterexample; absent: nothing was found. */
  readonly found?: string;
}

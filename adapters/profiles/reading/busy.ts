/**
 * Owns: signs of work: spinners in text and titles, elapsed time, counts in a status line.
 * Never: decides alone; a spinner counts where a CLI's reader finds it, next to the composer.
 */

export const BRAILLE = /^[\u2800-\u28ff]/;

/** Seconds told as `4s`, `1m 23s`, `2h 3m`, `1:05`; undefined when none are. */
export function elapsedIn(text: string): number | undefined {
  const clock = /\b(\d{1,3}):(\d{2})\b/.exec(text);
  const spelled = /(?:\b(\d+)h)?\s*(?:\b(\d+)m)?\s*\b(\d+)s\b/.exec(text) ?? /(?:\b(\d+)h)?\s*\b(\d+)m\b()/.exec(text);
  if (spelled !== null) {
    return Number(spelled[1] ?? 0) * 3600 + Number(spelled[2] ?? 0) * 60 + Number(spelled[3] || 0);
  }
  return clock === null ? undefined : Number(clock[1]) * 60 + Number(clock[2]);
}

const SHELLS = /\b(\d+) (?:background )?(?:shell|bash|terminal|background task)s?\b/i;
const AGENTS = /\b(\d+) (?:local |background |sub)?\s?agents?\b/i;

const countIn = (pattern: RegExp, text: string): number | undefined => {
  const found = pattern.exec(text);
  return found === null ? undefined : Number(found[1]);
};

export interface Counts {
  readonly backgroundShells?: number;
  readonly subagents?: number;
}

/** Background shells and subagents, as a status line counts them. */
export function countsIn(text: string): Counts {
  const shells = countIn(SHELLS, text);
  const agents = countIn(AGENTS, text);
  return {
    ...(shells === undefined ? {} : { backgroundShells: shells }),
    ...(agents === undefined ? {} : { subagents: agents }),
  };
}

export interface TitleTells {
  readonly busy: boolean;
  readonly waits: boolean;
}

/** What a pane's title tells: a spinner at its head is work; a call for action is a question. Idle titles prove nothing. */
export function titleTells(title: string | undefined): TitleTells {
  if (title === undefined) return { busy: false, waits: false };
  const waits = /action required/i.test(title);
  return { waits, busy: !waits && (BRAILLE.test(title) || /^✦ ?working/i.test(title)) };
}

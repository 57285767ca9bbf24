/**
 * Owns: keystrokes as tmux takes them, and as the bytes a terminal sends. Pure.
 * Never: guesses a key nobody named.
 */
import { type Keystroke, RuntimeError } from '../../runtime.ts';
import { typed } from '../../screen/keys.ts';
import type { Shown } from './emulator.ts';

/** One paste at most, and the keys behind it: what one call types. */
export interface Turn {
  readonly how: 'paste' | 'keys';
  readonly paste: string;
  readonly keys: readonly string[];
}

/** Names of keys that tmux knows, or one printable character. */
const KEY = /^(?:[A-Z][A-Za-z0-9]*|[CMS]-[A-Za-z0-9]+|F\d{1,2}|[!-~])$/;

export function inTurns(strokes: readonly Keystroke[]): readonly Turn[] {
  const turns: Turn[] = [];
  for (const stroke of strokes) {
    const last = turns.at(-1);
    if ('paste' in stroke) turns.push({ how: 'paste', paste: stroke.paste, keys: [] });
    else if (!KEY.test(stroke.key)) throw new RuntimeError(`"${stroke.key}" is not a key`);
    else if (last) turns[turns.length - 1] = { ...last, keys: [...last.keys, stroke.key] };
    else turns.push({ how: 'keys', paste: '', keys: [stroke.key] });
  }
  return turns;
}

/**
 * `asked`: what the program asked its terminal for. Where that is not known, text of several lines is bracketed, for each of its
 * line breaks would submit it otherwise.
 */
export function bytesOf(
  strokes: readonly Keystroke[],
  asked?: Pick<Shown, 'bracketedPaste' | 'applicationKeys'>,
): string {
  return strokes
    .map((stroke) => {
      const { how, bytes } = typed(stroke);
      if ('key' in stroke)
        return how === 'process' && !asked?.applicationKeys ? bytes.replace('\u001bO', '\u001b[') : bytes;
      // A NUL would be the sign to leave.
      const text = bytes.replace(/^\u001b\[200~([\s\S]*)\u001b\[201~$/, '$1').replaceAll('\0', '');
      return (asked ? asked.bracketedPaste : text.includes('\r')) ? `\u001b[200~${text}\u001b[201~` : text;
    })
    .join('');
}

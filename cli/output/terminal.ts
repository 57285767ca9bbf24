/**
 * Owns: making text safe to show: a name, a message or a log line must not move the cursor, set the title or the clipboard.
 * Never: touches valid text in any script.
 */

/** Escape sequences: OSC, DCS, SOS, PM, APC with their payload; CSI; two-character escapes. ECMA-48. */
const SEQUENCES =
  /(?:\u001b[\]P^_X]|[\u009d\u0090\u009e\u009f\u0098])[\s\S]*?(?:\u0007|\u001b\\|\u009c|$)|(?:\u001b\[|\u009b)[0-?]*[ -/]*(?:[@-~]|$)|\u001b[ -/]*(?:[0-~]|$)/g;
/** What is left of C0 (but newline and tab), DEL, C1, and characters that reorder or hide text. */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text with newlines and tabs, and nothing else that a terminal would obey. */
export const stripControls = (value: string): string => value.replace(SEQUENCES, '').replace(CONTROLS, '');
/** The same JSON with what a terminal would obey written as escapes; what reads it gets the same values. */
export const escapeControls = (json: string): string =>
  json.replace(CONTROLS, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
/** For one cell or line: newlines too become spaces. */
export const oneLine = (value: string): string => stripControls(value).replace(/[\n\t]+/g, ' ');

const SGR = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Colour = keyof typeof SGR;
export const paint = (on: boolean, colour: Colour, value: string): string =>
  on ? `\u001b[${SGR[colour]}m${value}\u001b[0m` : value;

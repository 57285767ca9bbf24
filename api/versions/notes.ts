/**
 * Owns: what a reader of a converted manifest should know, field by field of the old document.
 * Never: repeats a note.
 */
import { fieldNamesAt } from '../resources/fields.ts';
import { didYouMean, type FieldPath } from '../resources/issues.ts';
import { CONVERTED_FROM } from './carried.ts';
import { isMap, type Json } from './json.ts';
import { oldManifestSchema } from './old-schema.ts';
import { RULES } from './rules.ts';

export interface ConversionNote {
  /** In the old document. */
  readonly path: FieldPath;
  readonly message: string;
}

export class Notes {
  readonly #notes = new Map<string, ConversionNote>();
  #suspended = false;

  get list(): readonly ConversionNote[] {
    return [...this.#notes.values()];
  }
  /** Something said that the agent cannot run as it was meant to. */
  get suspended(): boolean {
    return this.#suspended;
  }

  readonly add = (path: FieldPath, message: string): void => {
    const key = JSON.stringify([path, message]);
    if (!this.#notes.has(key)) this.#notes.set(key, { path, message });
  };
  readonly warn = (path: string, message: string): void => this.add(splitNote(path), message);
  readonly suspend = (path: string, why: string): void => {
    this.#suspended = true;
    this.warn(
      path,
      `${why}: the agent is declared but at rest (suspend: true); set suspend: false to run it here all the same`,
    );
  };

  /** Names every field of `rest` that no rule reads. */
  addUnclaimed(rest: Json, path: readonly string[] = []): void {
    if (!isMap(rest)) return;
    for (const [key, value] of Object.entries(rest)) {
      const here = [...path, key];
      const dotted = here.join('.');
      if (dotted === 'kind' || CLAIMED.has(dotted) || isEmpty(value)) continue;
      if (isMap(value) && HOLDS_CLAIMED.has(dotted)) this.addUnclaimed(value, here);
      else this.add(here, unclaimedMessage(path, key));
    }
  }
}

const CLAIMED: ReadonlySet<string> = new Set(RULES.flatMap((rule) => rule.old));
const HOLDS_CLAIMED: ReadonlySet<string> = new Set(
  [...CLAIMED].flatMap((path) => path.split('.').map((_, index, parts) => parts.slice(0, index).join('.'))),
);

/** The generation that wants every field written wrote null, [] and "" for "not used". */
const isEmpty = (value: Json): boolean =>
  value === null ||
  value === '' ||
  (Array.isArray(value) && value.length === 0) ||
  (isMap(value) && Object.values(value).every(isEmpty));

function unclaimedMessage(parent: readonly string[], key: string): string {
  const known = fieldNamesAt(oldManifestSchema, parent);
  const what = known.includes(key)
    ? 'has no counterpart in sac/v1 yet'
    : `is no known field of the older versions${didYouMean(key, known)}`;
  return `${what}; kept in the annotation ${CONVERTED_FROM}`;
}

/** Rules name fixed fields and, below labels and env, one free key that may hold dots. */
function splitNote(path: string): FieldPath {
  const free = /^(metadata\.labels|spec\.env|spec\.apptainer\.env)\.(.*)$/s.exec(path);
  return free ? [...(free[1] ?? '').split('.'), free[2] ?? ''] : path.split('.');
}

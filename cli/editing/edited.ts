/**
 * Owns: what can be declared as text to edit, with notes on top, and what was made of that text, problems located in it.
 * Never: opens a file, or loses a line that is not a note of ours.
 */
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import type { Problem } from '../../api/manifests/problem.ts';
import { readManifests } from '../../api/manifests/read.ts';
import type { ObjectMeta } from '../../api/resources/meta.ts';
import { oneLine } from '../output/terminal.ts';

/** Marks our lines, so that the user's own comments stay. */
const NOTE = '#: ';
const INTRO = [
  'Edit, save and leave the editor: it is changed. These lines are ignored.',
  'An unchanged or empty file changes nothing.',
];

export interface Editable {
  readonly kind: string;
  readonly metadata: Pick<ObjectMeta, 'name' | 'labels' | 'annotations' | 'resourceVersion'>;
  readonly spec: object;
}

/** What can be edited; status and server fields are left out. */
export function textOf({ kind, metadata, spec }: Editable): string {
  const { name, labels, annotations, resourceVersion } = metadata;
  const shown = {
    apiVersion: 'sac/v1',
    kind,
    metadata: { name, labels, annotations, resourceVersion },
    spec,
  };
  return stringify(shown, { lineWidth: 0 });
}

export interface Complaint {
  readonly message: string;
  /** Within the body, from 1; absent for what concerns all of it. */
  readonly line?: number;
  readonly column?: number;
}

/** The body below our notes; complaints name lines of the whole text. */
export function withNotes(body: string, complaints: readonly Complaint[]): string {
  const above = INTRO.length + (complaints.length === 0 ? 0 : complaints.length + 1);
  const told = complaints.map(({ message, line, column }) =>
    line === undefined ? oneLine(message) : `line ${line + above}:${column ?? 1} ${oneLine(message)}`,
  );
  const notes = told.length === 0 ? INTRO : [...INTRO, 'Not changed yet:', ...told.map((text) => `- ${text}`)];
  return `${notes.map((note) => `${NOTE}${note}\n`).join('')}${body}`;
}

/** The text without our notes. */
export function bodyOf(text: string): string {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => !line.startsWith(NOTE.trimEnd()));
  return first < 0 ? '' : lines.slice(first).join('\n');
}

export type Edited =
  | { readonly kind: 'empty' }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'broken'; readonly complaints: readonly Complaint[] }
  | {
      readonly kind: 'changed';
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
      readonly spec: object;
    };

export function readEdited(body: string, thing: Editable): Edited {
  const { name, resourceVersion } = thing.metadata;
  if (body.split('\n').every((line) => line.trim() === '' || line.trim().startsWith('#'))) return { kind: 'empty' };
  const { text, found } = withoutVersion(body);
  if (found !== undefined && found.version !== String(resourceVersion))
    return broken([
      {
        message: `metadata.resourceVersion: ${found.version} is not what you began with, ${resourceVersion}; put it back`,
        line: found.line,
      },
    ]);
  const { found: documents, problems } = read(text, name);
  if (problems.length > 0) return broken(problems.map(complaintOf));
  const [document, ...more] = documents;
  if (document === undefined) return { kind: 'empty' };
  if (more.length > 0) return broken([{ message: `one thing is edited at a time, and this is ${documents.length}` }]);
  const { kind, position, content } = document;
  if (kind !== thing.kind)
    return broken([{ message: `kind: ${thing.kind} "${name}" cannot become a ${kind}`, ...position }]);
  if (document.name !== name)
    return broken([{ message: `metadata.name: what exists cannot be renamed; it is "${name}"`, ...position }]);
  const [before] = read(withoutVersion(textOf(thing)).text, name).found;
  const same = before !== undefined && isDeepStrictEqual(content, before.content);
  return same ? { kind: 'unchanged' } : { kind: 'changed', ...content };
}

/** What the manifests in it say, with all defaults. */
function read(text: string, file: string) {
  const { documents, objects, problems } = readManifests(text, file);
  const found = [
    ...documents.map(({ parsed, ...document }) => ({ ...document, said: parsed })),
    ...objects.map(({ manifest, ...document }) => ({ ...document, said: manifest })),
  ].map(({ kind, name, position, said: { metadata, spec } }) => {
    const content = { labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {}, spec };
    return { kind, name, position, content };
  });
  return { found, problems };
}

const broken = (complaints: readonly Complaint[]): Edited => ({ kind: 'broken', complaints });

const complaintOf = ({ line, column, path, message }: Problem): Complaint => ({
  line,
  column,
  message: path === '' ? message : `${path}: ${message}`,
});

interface Found {
  readonly version: string;
  readonly line: number;
}

/** A manifest says no resourceVersion: its line becomes an empty one, so that all others keep their numbers. */
function withoutVersion(body: string): { readonly text: string; readonly found?: Found } {
  const lines = body.split('\n');
  const spec = lines.findIndex((line) => /^spec\s*:/.test(line));
  const at = lines.findIndex((line, index) => (spec < 0 || index < spec) && VERSION_LINE.test(line));
  if (at < 0) return { text: body };
  const version = VERSION_LINE.exec(lines[at] ?? '')?.[1] ?? '';
  return { text: lines.with(at, '').join('\n'), found: { version, line: at + 1 } };
}

const VERSION_LINE = /^ +resourceVersion:\s*["']?([^"'#\s]*)["']?\s*(?:#.*)?$/;

/**
 * Owns: an agent as text to edit, with notes on top, and what was made of that text, problems located in it.
 * Never: opens a file, or loses a line that is not a note of ours.
 */
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import type { Problem } from '../../api/manifests/problem.ts';
import { readManifests } from '../../api/manifests/read.ts';
import type { Agent } from '../../api/resources/agent/agent.ts';
import { oneLine } from '../output/terminal.ts';

/** Marks our lines, so that the user's own comments stay. */
const NOTE = '#: ';
const INTRO = [
  'Edit, save and leave the editor: the agent is changed. These lines are ignored.',
  'An unchanged or empty file changes nothing.',
];

/** What can be edited; status and server fields are left out. */
export function textOf({ metadata, spec }: Agent): string {
  const { name, labels, annotations, resourceVersion } = metadata;
  const shown = {
    apiVersion: 'sac/v1',
    kind: 'Agent',
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
      readonly spec: unknown;
    };

export function readEdited(body: string, agent: Agent): Edited {
  const { name, resourceVersion } = agent.metadata;
  if (body.split('\n').every((line) => line.trim() === '' || line.trim().startsWith('#'))) return { kind: 'empty' };
  const { text, found } = withoutVersion(body);
  if (found !== undefined && found.version !== String(resourceVersion))
    return broken([
      {
        message: `metadata.resourceVersion: ${found.version} is not what you began with, ${resourceVersion}; put it back`,
        line: found.line,
      },
    ]);
  const { documents, problems } = readManifests(text, name);
  if (problems.length > 0) return broken(problems.map(complaintOf));
  const [document, ...more] = documents;
  if (document === undefined) return { kind: 'empty' };
  if (more.length > 0) return broken([{ message: `one agent is edited at a time, and this is ${documents.length}` }]);
  if (document.name !== name)
    return broken([{ message: `metadata.name: an agent cannot be renamed; it is "${name}"`, ...document.position }]);
  const { metadata, spec } = document.parsed;
  const edited = { labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {}, spec };
  const before = readManifests(withoutVersion(textOf(agent)).text, name).documents[0]?.parsed;
  const same =
    before !== undefined &&
    isDeepStrictEqual(edited, {
      labels: before.metadata.labels ?? {},
      annotations: before.metadata.annotations ?? {},
      spec: before.spec,
    });
  return same ? { kind: 'unchanged' } : { kind: 'changed', ...edited };
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

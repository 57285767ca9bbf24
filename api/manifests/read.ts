/**
 * Owns: text in, manifests and everything wrong with them out; older apiVersions are converted on the way.
 * Each problem carries file:line:column, the field's path, what was found and what is allowed.
 * Never: opens a file, or throws for any text.
 */
import { type AgentManifest, type AgentManifestInput, agentManifestSchema } from '../resources/agent/agent.ts';
import { check, didYouMean, type FieldIssue, type FieldPath, quote } from '../resources/issues.ts';
import {
  isObjectKind,
  OBJECT_KIND_NAMES,
  OBJECT_MANIFESTS,
  type ObjectKind,
  type ObjectManifest,
} from '../resources/kinds/kinds.ts';
import { API_VERSION, STORED_METADATA } from '../resources/meta.ts';
import { type Conversion, convertToV1, isOldVersion, OLD_API_VERSIONS } from '../versions/convert.ts';
import { FILE_START, formatOrigin, type Position, type Problem, problem } from './problem.ts';
import { variableLines } from './variable-lines.ts';
import { readYaml, type YamlDocument } from './yaml-documents.ts';
import type { Plain } from './yaml-tree.ts';

export type { Problem } from './problem.ts';

interface DocumentBase {
  /** `file:line:column` of the document. */
  readonly origin: string;
  readonly file: string;
  readonly position: Position;
  readonly name: string;
}
/** One agent. */
export interface ManifestDocument extends DocumentBase {
  readonly kind: 'Agent';
  /** apiVersion it was written in; `manifest` is always sac/v1. */
  readonly writtenAs: string;
  /** As written: no defaults filled in, but the name (from the folder) is. */
  readonly manifest: AgentManifestInput;
  /** With all defaults. */
  readonly parsed: AgentManifest;
  /** Whole lines, like problems; the manifest is usable all the same. */
  readonly warnings: readonly string[];
  /** By field, `file:line` of texts in which a variable is filled in later. */
  readonly lines?: Readonly<Record<string, string>>;
}
/** One thing of another kind, with all defaults. */
export interface ObjectDocument extends DocumentBase {
  readonly kind: ObjectKind;
  readonly manifest: ObjectManifest;
}
export interface ReadResult {
  readonly documents: readonly ManifestDocument[];
  readonly objects: readonly ObjectDocument[];
  readonly problems: readonly Problem[];
}
export interface ReadOptions {
  /** Folder the file describes: names the agent, must match the name where one is given, and holds one agent. */
  readonly folderName?: string;
}

const KNOWN_VERSIONS = [API_VERSION, ...OLD_API_VERSIONS];

export function readManifests(text: string, file: string, options: ReadOptions = {}): ReadResult {
  const documents: ManifestDocument[] = [];
  const objects: ObjectDocument[] = [];
  const problems: Problem[] = [];
  const yaml = readYaml(text);
  const all = yaml.documents.flatMap((document) => itemsOf(document, yaml.position));
  for (const document of all) {
    const reading = new Reading(file, document, yaml.position, options.folderName);
    const manifest = reading.read();
    problems.push(...reading.problems.toSorted((a, b) => a.line - b.line || a.column - b.column));
    if (manifest === undefined) continue;
    const rival = [...documents, ...objects].find(
      (other) => (other.kind === manifest.kind && other.name === manifest.name) || options.folderName !== undefined,
    );
    if (rival !== undefined)
      problems.push(problem(file, document.start, ['metadata', 'name'], secondMessage(manifest, rival)));
    else if (manifest.kind === 'Agent') documents.push(manifest);
    else objects.push(manifest);
  }
  if (all.length === 0) problems.push(problem(file, FILE_START, [], 'holds no manifest'));
  return { documents, objects, problems: capped(file, problems) };
}

/** Enough to see what kind of file it is. */
const MAX_PROBLEMS = 100;

function capped(file: string, problems: readonly Problem[]): readonly Problem[] {
  const more = problems.length - MAX_PROBLEMS;
  return more <= 0
    ? problems
    : [...problems.slice(0, MAX_PROBLEMS), problem(file, FILE_START, [], `... and ${more} more problems`)];
}

/** What `sac get -o yaml` shows of several is one document, `kind: List`; each item is read as a document of its own. */
function itemsOf(document: YamlDocument, position: (offset: number) => Position): readonly YamlDocument[] {
  const { tree } = document;
  if (tree === undefined || !isList(tree.value)) return [document];
  return tree.value.items.map((item, index) => ({
    start: position(tree.offsetOf(['items', index], 'value')),
    tree: { value: item, faults: [], offsetOf: (path, at) => tree.offsetOf(['items', index, ...path], at) },
    // Of the text as a whole, told once.
    faults: index === 0 ? document.faults : [],
  }));
}

type AnyDocument = ManifestDocument | ObjectDocument;

const secondMessage = (second: AnyDocument, first: AnyDocument) =>
  second.name === first.name && second.kind === first.kind
    ? `${second.kind.toLowerCase()} ${quote(second.name)} is already declared at ${first.origin}`
    : `a folder declares one thing; the first is at ${first.origin}`;

/** One document on its way from YAML to manifest. */
class Reading {
  readonly problems: Problem[] = [];
  readonly #file: string;
  readonly #document: YamlDocument;
  readonly #position: (offset: number) => Position;
  readonly #folderName: string | undefined;

  constructor(
    file: string,
    document: YamlDocument,
    position: (offset: number) => Position,
    folderName: string | undefined,
  ) {
    this.#file = file;
    this.#document = document;
    this.#position = position;
    this.#folderName = folderName;
  }

  read(): AnyDocument | undefined {
    const { tree, faults } = this.#document;
    for (const fault of faults) this.problems.push(problem(this.#file, fault.at, fault.path, fault.message));
    if (tree === undefined) return undefined;
    if (!isMapping(tree.value))
      return this.#refuse([], 'value', 'is not a mapping with apiVersion, kind, metadata and spec');
    const { apiVersion } = tree.value;
    if (typeof apiVersion !== 'string' || !KNOWN_VERSIONS.includes(apiVersion)) return this.#refuseVersion(apiVersion);
    return isOldVersion(apiVersion) ? this.#readOld(tree.value, apiVersion) : this.#readCurrent(asDeclared(tree.value));
  }

  #readCurrent(value: Mapping): AnyDocument | undefined {
    const { kind } = value;
    if (isObjectKind(kind)) return this.#readObject(kind, value);
    if (kind !== undefined && kind !== 'Agent') {
      const known = ['Agent', ...OBJECT_KIND_NAMES];
      const found = typeof kind === 'string' ? quote(kind) : 'this';
      return this.#refuse(
        ['kind'],
        'value',
        `${found} is not a kind that manifests can declare: ${known.join(', ')}${didYouMean(kind, known)}`,
      );
    }
    return this.#finish(value, API_VERSION, (path) => path, []);
  }

  #readOld(value: Mapping, apiVersion: string): ManifestDocument | undefined {
    const conversion: Conversion = convertToV1(value, this.#folderName);
    if (!conversion.ok) {
      for (const issue of conversion.issues) this.#report(issue);
      return undefined;
    }
    return this.#finish(conversion.manifest, apiVersion, conversion.cameFrom, conversion.warnings);
  }

  #finish(
    value: unknown,
    writtenAs: string,
    cameFrom: (path: FieldPath) => FieldPath,
    notes: readonly { path: FieldPath; message: string }[],
  ): ManifestDocument | undefined {
    const named = this.#withName(value);
    const checked = check(agentManifestSchema, named);
    if (!checked.ok) {
      for (const issue of checked.issues) this.#report({ ...issue, path: cameFrom(issue.path) });
      return undefined;
    }
    const name = checked.value.metadata.name;
    if (name === undefined) return this.#refuse(['metadata', 'name'], 'missing', NAME_MISSING);
    if (writtenAs === API_VERSION && !this.#fitsFolder(name)) return undefined;
    // A value that parsed is, by that, what the schema takes.
    if (!isManifestInput(named)) return undefined;
    const warnings = notes.map(
      (note) => problem(this.#file, this.#at({ ...note, at: 'key' }), note.path, note.message).text,
    );
    const lines = variableLines(named, (path) => {
      const at = this.#at({ path: cameFrom(path), at: 'value', message: '' });
      return formatOrigin(this.#file, at).replace(/:\d+$/, '');
    });
    return {
      origin: formatOrigin(this.#file, this.#document.start),
      file: this.#file,
      position: this.#document.start,
      ...(lines && { lines }),
      kind: 'Agent',
      name,
      writtenAs,
      manifest: named,
      parsed: checked.value,
      warnings,
    };
  }

  #readObject(kind: ObjectKind, value: Mapping): ObjectDocument | undefined {
    const named = this.#withName(value);
    const checked = check(OBJECT_MANIFESTS[kind], named);
    if (!checked.ok) {
      for (const issue of checked.issues) this.#report(issue);
      return undefined;
    }
    const { name } = checked.value.metadata;
    if (name === undefined) return this.#refuse(['metadata', 'name'], 'missing', NAME_MISSING);
    if (!this.#fitsFolder(name)) return undefined;
    const { start } = this.#document;
    const origin = formatOrigin(this.#file, start);
    return { origin, file: this.#file, position: start, kind, name, manifest: checked.value };
  }

  #fitsFolder(name: string): boolean {
    if (this.#folderName === undefined || name === this.#folderName) return true;
    this.#refuse(
      ['metadata', 'name'],
      'value',
      `${quote(name)} does not match the folder ${quote(this.#folderName)}; leave it out or make them the same`,
    );
    return false;
  }

  /** Fills in the folder's name where the manifest gives none. */
  #withName(value: unknown): unknown {
    if (this.#folderName === undefined || !isMapping(value)) return value;
    const metadata = value['metadata'];
    if (metadata === undefined) return { ...value, metadata: { name: this.#folderName } };
    return isMapping(metadata) && metadata['name'] === undefined
      ? { ...value, metadata: { ...metadata, name: this.#folderName } }
      : value;
  }

  #refuseVersion(found: unknown): undefined {
    const known = `${API_VERSION}, or the older ${OLD_API_VERSIONS.join(', ')}`;
    if (found === undefined) return this.#refuse(['apiVersion'], 'missing', `is required: ${known}`);
    const shown = typeof found === 'string' ? quote(found) : 'this';
    return this.#refuse(
      ['apiVersion'],
      'value',
      `${shown} is not a known version: ${known}${didYouMean(found, KNOWN_VERSIONS)}`,
    );
  }

  #refuse(path: FieldPath, at: FieldIssue['at'], message: string): undefined {
    this.#report({ path, at, message });
    return undefined;
  }

  #report(issue: FieldIssue): void {
    const fromFolder =
      issue.path.join('.') === 'metadata.name' &&
      this.#folderName !== undefined &&
      issue.message.startsWith(quote(this.#folderName));
    const message = fromFolder && !this.#saysName() ? `the folder's name ${issue.message}` : issue.message;
    this.problems.push(problem(this.#file, this.#at(issue), issue.path, message));
  }

  #saysName(): boolean {
    const value: Plain | undefined = this.#document.tree?.value;
    const metadata = isMapping(value) ? value['metadata'] : undefined;
    return isMapping(metadata) && metadata['name'] !== undefined;
  }

  #at(issue: FieldIssue): Position {
    const { tree, start } = this.#document;
    return tree === undefined ? start : this.#position(tree.offsetOf(issue.path, issue.at));
  }
}

const NAME_MISSING = 'is required: text (there is no folder to take it from)';

type Mapping = Readonly<Record<string, unknown>>;
const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Without what sac itself wrote, where it is what `sac get -o yaml` shows (only that has a resourceVersion), so that it can be
 * applied again; in a manifest of a person such fields are mistakes.
 */
function asDeclared(value: Mapping): Mapping {
  const { metadata } = value;
  if (!isMapping(metadata) || metadata['resourceVersion'] === undefined) return value;
  const { status: _, ...declared } = value;
  const stored: readonly string[] = STORED_METADATA;
  return {
    ...declared,
    metadata: Object.fromEntries(Object.entries(metadata).filter(([key]) => !stored.includes(key))),
  };
}
const isList = (value: Plain): value is { items: Plain[] } =>
  isMapping(value) && value['kind'] === 'List' && Array.isArray(value['items']);
const isManifestInput = (value: unknown): value is AgentManifestInput => isMapping(value);

/**
 * Owns: text in, manifests and everything wrong with them out; older apiVersions are converted on the way.
 * Each problem carries file:line:column, the field's path, what was found and what is allowed.
 * Never: opens a file, or throws for any text.
 */
import { type AgentManifest, type AgentManifestInput, agentManifestSchema } from '../resources/agent.ts';
import { check, didYouMean, type FieldIssue, type FieldPath, quote } from '../resources/issues.ts';
import { API_VERSION } from '../resources/meta.ts';
import { type Conversion, convertToV1, isOldVersion, OLD_API_VERSIONS } from '../versions/convert.ts';
import { FILE_START, formatOrigin, type Position, type Problem, problem } from './problem.ts';
import { readYaml, type YamlDocument } from './yaml-documents.ts';
import type { Plain } from './yaml-tree.ts';

export type { Problem } from './problem.ts';

export interface ManifestDocument {
  /** `file:line:column` of the document. */
  readonly origin: string;
  readonly file: string;
  readonly position: Position;
  readonly kind: 'Agent';
  readonly name: string;
  /** apiVersion it was written in; `manifest` is always sac/v1. */
  readonly writtenAs: string;
  /** As written: no defaults filled in, but the name (from the folder) is. */
  readonly manifest: AgentManifestInput;
  /** With all defaults. */
  readonly parsed: AgentManifest;
  /** Whole lines, like problems; the manifest is usable all the same. */
  readonly warnings: readonly string[];
}
export interface ReadResult {
  readonly documents: readonly ManifestDocument[];
  readonly problems: readonly Problem[];
}
export interface ReadOptions {
  /** Folder the file describes: names the agent, must match the name where one is given, and holds one agent. */
  readonly folderName?: string;
}

const KNOWN_VERSIONS = [API_VERSION, ...OLD_API_VERSIONS];

export function readManifests(text: string, file: string, options: ReadOptions = {}): ReadResult {
  const documents: ManifestDocument[] = [];
  const problems: Problem[] = [];
  const yaml = readYaml(text);
  for (const document of yaml.documents) {
    const reading = new Reading(file, document, yaml.position, options.folderName);
    const manifest = reading.read();
    problems.push(...reading.problems.toSorted((a, b) => a.line - b.line || a.column - b.column));
    if (manifest === undefined) continue;
    const rival = documents.find((other) => other.name === manifest.name || options.folderName !== undefined);
    if (rival === undefined) documents.push(manifest);
    else problems.push(problem(file, document.start, ['metadata', 'name'], secondMessage(manifest.name, rival)));
  }
  if (yaml.documents.length === 0) problems.push(problem(file, FILE_START, [], 'holds no manifest'));
  return { documents, problems: capped(file, problems) };
}

/** Enough to see what kind of file it is. */
const MAX_PROBLEMS = 100;

function capped(file: string, problems: readonly Problem[]): readonly Problem[] {
  const more = problems.length - MAX_PROBLEMS;
  return more <= 0
    ? problems
    : [...problems.slice(0, MAX_PROBLEMS), problem(file, FILE_START, [], `... and ${more} more problems`)];
}

const secondMessage = (name: string, first: ManifestDocument) =>
  name === first.name
    ? `agent ${quote(name)} is already declared at ${first.origin}`
    : `a folder declares one agent; the first is at ${first.origin}`;

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

  read(): ManifestDocument | undefined {
    const { tree, faults } = this.#document;
    for (const fault of faults) this.problems.push(problem(this.#file, fault.at, fault.path, fault.message));
    if (tree === undefined) return undefined;
    if (!isMapping(tree.value))
      return this.#refuse([], 'value', 'is not a mapping with apiVersion, kind, metadata and spec');
    const { apiVersion } = tree.value;
    if (typeof apiVersion !== 'string' || !KNOWN_VERSIONS.includes(apiVersion)) return this.#refuseVersion(apiVersion);
    return isOldVersion(apiVersion) ? this.#readOld(tree.value, apiVersion) : this.#readCurrent(tree.value);
  }

  #readCurrent(value: Mapping): ManifestDocument | undefined {
    if (value['kind'] !== undefined && value['kind'] !== 'Agent') {
      const found = typeof value['kind'] === 'string' ? quote(value['kind']) : 'this';
      this.#refuse(
        ['kind'],
        'value',
        `${found} is not a kind that manifests can declare: Agent${didYouMean(value['kind'], ['Agent'])}`,
      );
      return undefined;
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
    if (name === undefined)
      return this.#refuse(['metadata', 'name'], 'missing', 'is required: text (there is no folder to take it from)');
    if (this.#folderName !== undefined && writtenAs === API_VERSION && name !== this.#folderName)
      return this.#refuse(
        ['metadata', 'name'],
        'value',
        `${quote(name)} does not match the folder ${quote(this.#folderName)}; leave it out or make them the same`,
      );
    // A value that parsed is, by that, what the schema takes.
    if (!isManifestInput(named)) return undefined;
    const warnings = notes.map(
      (note) => problem(this.#file, this.#at({ ...note, at: 'key' }), note.path, note.message).text,
    );
    return {
      origin: formatOrigin(this.#file, this.#document.start),
      file: this.#file,
      position: this.#document.start,
      kind: 'Agent',
      name,
      writtenAs,
      manifest: named,
      parsed: checked.value,
      warnings,
    };
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

type Mapping = Readonly<Record<string, unknown>>;
const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isManifestInput = (value: unknown): value is AgentManifestInput => isMapping(value);

/**
 * Owns: putting the documents of many files together: one name once, files that belong to an agent, names that broke.
 * Never: opens a file by itself.
 */
import type { AgentFile } from '../resources/agent/agent-files.ts';
import { type FieldPath, quote } from '../resources/issues.ts';
import { safeName } from '../versions/rules-identity.ts';
import { FILE_START, type Problem, problem } from './problem.ts';
import type { ManifestDocument, ObjectDocument, ReadResult } from './read.ts';

export interface Collected {
  readonly documents: readonly ManifestDocument[];
  /** Hosts and other things that are no agents. */
  readonly objects: readonly ObjectDocument[];
  readonly problems: readonly Problem[];
  /** Agents that are declared, but not readably: whoever prunes must leave them as they are. */
  readonly brokenNames: ReadonlySet<string>;
  /** By agent, of those that have a folder: what lies in it besides the manifest. */
  readonly files: ReadonlyMap<string, readonly AgentFile[]>;
}

export class Collection {
  readonly #documents = new Map<string, ManifestDocument>();
  /** By kind and name. */
  readonly #objects = new Map<string, ObjectDocument>();
  readonly #problems: Problem[] = [];
  readonly #broken = new Set<string>();
  readonly #files = new Map<string, readonly AgentFile[]>();

  refuse(file: string, message: string, folderName?: string): void {
    this.#problems.push(problem(file, FILE_START, NOWHERE, message));
    this.#markBroken(folderName);
  }

  add(read: ReadResult, folderName?: string, files?: readonly AgentFile[]): void {
    this.#problems.push(...read.problems);
    if (read.problems.length > 0) this.#markBroken(folderName);
    for (const document of read.documents) {
      const first = this.#documents.get(document.name);
      if (first === undefined) this.#documents.set(document.name, document);
      else
        this.#problems.push(
          problemAt(document, `agent ${quote(document.name)} is already declared at ${first.origin}`),
        );
      if (files && first === undefined) this.#files.set(document.name, files);
    }
    for (const object of read.objects) {
      const key = `${object.kind}/${object.name}`;
      const first = this.#objects.get(key);
      if (first === undefined) this.#objects.set(key, object);
      else
        this.#problems.push(
          problemAt(
            object,
            `${object.kind.toLowerCase()} ${quote(object.name)} is already declared at ${first.origin}`,
          ),
        );
    }
  }

  get size(): number {
    return this.#documents.size + this.#objects.size + this.#problems.length;
  }

  result(): Collected {
    return {
      documents: [...this.#documents.values()],
      objects: [...this.#objects.values()],
      problems: this.#problems,
      brokenNames: this.#broken,
      files: this.#files,
    };
  }

  /** Old manifests may live in folders whose name had to be changed for the agent. */
  #markBroken(folderName: string | undefined): void {
    if (folderName !== undefined) this.#broken.add(folderName).add(safeName(folderName));
  }
}

const NOWHERE: FieldPath = [];

function problemAt(document: ManifestDocument | ObjectDocument, message: string): Problem {
  return problem(document.file, document.position, ['metadata', 'name'], message);
}

/**
 * Owns: turning the nodes of one YAML document into plain values, and a field's path back into its place in the text.
 * What JSON could not say (merge keys, custom tags, keys that are no text, alias bombs) is refused.
 * Never: builds an object through a key that reaches a prototype.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { type FieldPath, quote } from '../resources/issues.ts';

/** Bounds of one document. Real manifests have some twenty nodes, four levels and no alias. */
export const LIMITS = { depth: 64, nodes: 10_000, aliases: 100 } as const;

export type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

export interface TreeFault {
  readonly offset: number;
  readonly path: FieldPath;
  readonly message: string;
}

export interface Tree {
  readonly value: Plain;
  readonly faults: readonly TreeFault[];
  /** Offset of the key or value at `path`; of the nearest thing above it when it is not there. */
  offsetOf(path: FieldPath, at: 'key' | 'value' | 'missing'): number;
}

const CORE_TAGS = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
);
const UNSAFE_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

/** A bound was passed: the rest of the document is not looked at. */
class TooMuch extends Error {}

const startOf = (node: Node | null | undefined): number | undefined => node?.range?.[0];

/** Reads a document without syntax errors. */
export function readTree(doc: Document.Parsed): Tree {
  const walk = new Walk(doc.range[0]);
  const value = walk.readAll(doc.contents);
  return { value, faults: walk.faults, offsetOf: (path, at) => walk.offsetOf(doc.contents, path, at) };
}

class Walk {
  readonly faults: TreeFault[] = [];
  readonly #anchors = new Map<string, Node>();
  readonly #targets = new Map<Alias, Node>();
  readonly #open = new Set<Node>();
  readonly #documentStart: number;
  /** Where the walk is now. */
  readonly #path: (string | number)[] = [];
  #nodes = 0;
  #aliases = 0;

  constructor(documentStart: number) {
    this.#documentStart = documentStart;
  }

  readAll(root: Node | null): Plain {
    try {
      return this.#read(root, this.#documentStart);
    } catch (error) {
      if (error instanceof TooMuch) return null;
      throw error;
    }
  }

  #fault(offset: number, message: string, path: FieldPath = [...this.#path]): void {
    this.faults.push({ offset, path, message });
  }

  #tooMuch(offset: number, message: string): never {
    this.#fault(offset, message, []);
    throw new TooMuch(message);
  }

  /** `near` is where to point when the node itself has no place. */
  #read(node: Node | null | undefined, near: number): Plain {
    const offset = startOf(node) ?? near;
    this.#nodes += 1;
    if (this.#nodes > LIMITS.nodes) {
      const why = this.#aliases > 0 ? 'aliases expand this document' : 'this document grows';
      this.#tooMuch(offset, `${why} beyond ${LIMITS.nodes} values`);
    }
    if (this.#path.length > LIMITS.depth) this.#tooMuch(offset, `nests deeper than ${LIMITS.depth} levels`);
    if (node === null || node === undefined) return null;
    if (isAlias(node)) return this.#readAlias(node, offset);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (node.tag !== undefined && !CORE_TAGS.has(node.tag)) {
      this.#fault(offset, `the tag ${quote(node.tag)} is not allowed; YAML core types only`);
      return null;
    }
    if (isScalar(node)) return this.#readScalar(node, offset);
    this.#open.add(node);
    const value = isMap(node) ? this.#readMap(node, offset) : this.#readSeq(node, offset);
    this.#open.delete(node);
    return value;
  }

  #readScalar(node: Scalar, offset: number): Plain {
    const { value } = node;
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value;
      case 'number':
        if (!Number.isFinite(value))
          this.#fault(offset, `${shortened(node.source ?? String(value))} is not a finite number`);
        return Object.is(value, -0) ? 0 : value;
      default:
        return null;
    }
  }

  #readAlias(alias: Alias, offset: number): Plain {
    this.#aliases += 1;
    if (this.#aliases > LIMITS.aliases) this.#tooMuch(offset, `uses more than ${LIMITS.aliases} aliases`);
    const target = this.#anchors.get(alias.source);
    if (target === undefined || this.#open.has(target)) {
      const why = target === undefined ? 'stands for nothing: no anchor of that name before it' : 'contains itself';
      this.#fault(offset, `the alias *${shortened(alias.source)} ${why}`);
      return null;
    }
    this.#targets.set(alias, target);
    return this.#read(target, offset);
  }

  #readSeq(seq: Node, offset: number): Plain {
    if (!isSeq(seq)) {
      this.#fault(offset, 'is neither text, number, list nor mapping');
      return null;
    }
    return seq.items.map((item, index) => {
      this.#path.push(index);
      const value = this.#read(asNode(item), offset);
      this.#path.pop();
      return value;
    });
  }

  #readMap(map: YAMLMap, offset: number): Plain {
    const value: { [key: string]: Plain } = {};
    for (const pair of map.items) {
      const keyOffset = startOf(asNode(pair.key)) ?? offset;
      const key = this.#readKey(pair, keyOffset);
      if (key === undefined) continue;
      this.#path.push(key);
      if (Object.hasOwn(value, key)) this.#fault(keyOffset, 'is given twice in one mapping');
      value[key] = this.#read(asNode(pair.value), keyOffset);
      this.#path.pop();
    }
    return value;
  }

  #readKey(pair: Pair, offset: number): string | undefined {
    const key = keyText(pair);
    if (key === undefined) this.#fault(offset, 'a key must be plain text, not a list, mapping, alias or nothing');
    else if (key === '<<') this.#fault(offset, 'merge keys (<<) are not part of YAML 1.2; write the fields out');
    else if (UNSAFE_KEYS.has(key)) this.#fault(offset, `${quote(key)} is not allowed as a key`);
    else return key;
    return undefined;
  }

  offsetOf(root: Node | null, path: FieldPath, at: 'key' | 'value' | 'missing'): number {
    let node = root;
    let key = startOf(root) ?? this.#documentStart;
    let value = key;
    for (const part of path) {
      if (isAlias(node)) node = this.#targets.get(node) ?? null;
      let next: Node | null = null;
      if (isMap(node)) {
        const pair = node.items.findLast((one) => keyText(one) === part);
        if (pair === undefined) return key;
        key = startOf(asNode(pair.key)) ?? value;
        next = asNode(pair.value);
      } else if (isSeq(node) && typeof part === 'number' && part < node.items.length) {
        next = asNode(node.items[part]);
        key = startOf(next) ?? value;
      } else return key;
      node = next;
      value = startOf(next) ?? key;
    }
    // An empty value (`spec:`) has a place behind the colon that says less than the key.
    const empty = isScalar(node) && node.value === null && (node.source ?? '') === '';
    return at === 'value' && !empty ? value : key;
  }
}

const shortened = (text: string) => (text.length > 80 ? `${text.slice(0, 77)}...` : text);

/** Keys keep the spelling of the file: `8080: x` is the key "8080". */
function keyText(pair: Pair): string | undefined {
  const { key } = pair;
  if (!isScalar(key) || (key.tag !== undefined && !CORE_TAGS.has(key.tag))) return undefined;
  if (typeof key.value === 'string') return key.value;
  return key.source === undefined || key.source === '' || key.value === null ? undefined : key.source;
}

const isNode = (value: unknown): value is Node => isAlias(value) || isScalar(value) || isMap(value) || isSeq(value);
const asNode = (value: unknown): Node | null => (isNode(value) ? value : null);

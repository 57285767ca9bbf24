/**
 * Owns: older manifests to sac/v1 and back, without losing a field: what sac/v1 cannot say, or would spell differently,
 * travels in the annotation `sac/converted-from`, and coming back gives the same document.
 * Never: refuses a document for its generation, or turns a bad value into a default.
 */
import { check, type FieldIssue, type FieldPath } from '../resources/issues.ts';
import { API_VERSION } from '../resources/meta.ts';
import { durationMs, durationSchema } from '../resources/time.ts';
import { CONVERTED_FROM, readCarried, writeCarried } from './carried.ts';
import { type Generation, generationOf } from './generation.ts';
import { at, type Draft, draftOf, drop, isJson, isMap, type Json, type JsonMap, put, same } from './json.ts';
import { type ConversionNote, Notes } from './notes.ts';
import { oldManifestSchema } from './old-schema.ts';
import type { Rule, RuleContext } from './rule.ts';
import { RULES } from './rules.ts';

export { CONVERTED_FROM } from './carried.ts';
export { isOldVersion, OLD_API_VERSIONS } from './generation.ts';
export type { ConversionNote } from './notes.ts';

export interface Converted {
  readonly ok: true;
  /** Sparse sac/v1 manifest; still to be checked against agentManifestSchema. */
  readonly manifest: JsonMap;
  readonly generation: Generation;
  readonly warnings: readonly ConversionNote[];
  /** The field of the old document that a field of the new one was made from. */
  cameFrom(path: FieldPath): FieldPath;
}
export type Conversion = Converted | { readonly ok: false; readonly issues: readonly FieldIssue[] };

/** Converts a parsed old document. `folderName` names the agent where the document does not. */
export function convertToV1(document: unknown, folderName?: string): Conversion {
  const checked = check(oldManifestSchema, document);
  if (!checked.ok) return checked;
  if (!isJson(document) || !isMap(document)) return refuse([], 'is not a mapping of plain values');
  const name = at(document, 'metadata.name');
  if (folderName !== undefined && typeof name === 'string' && name !== folderName)
    return refuse(
      ['metadata', 'name'],
      `"${name}" does not match the folder "${folderName}"; leave it out or make them the same`,
    );
  const notes = new Notes();
  const made: Draft = { apiVersion: API_VERSION, kind: 'Agent', metadata: {}, spec: {} };
  const context = contextOf(
    generationOf(document),
    folderName,
    at(document, 'metadata.labels.role'),
    at(document, 'spec.runtime'),
    () => at(made, 'spec.place.runtime') === 'slurm',
    notes,
  );
  const isProxy = document['kind'] === 'AgentProxy';
  if (isProxy) notes.suspend('kind', 'AgentProxy forwards to another agent, which sac cannot do yet');
  const rest = draftOf(document);
  delete rest['apiVersion'];
  if (!isProxy) delete rest['kind'];
  const absent = RULES.flatMap((rule) => convertGroup(rule, document, made, rest, context));
  if (notes.suspended) put(made, 'spec.suspend', true);
  notes.addUnclaimed(rest);
  const metadata = made['metadata'];
  const carried = writeCarried({ apiVersion: checked.value.apiVersion, generation: context.generation, rest, absent });
  const manifest = {
    ...made,
    metadata: { ...(isMap(metadata) ? metadata : {}), annotations: { [CONVERTED_FROM]: carried } },
  };
  return {
    ok: true,
    manifest,
    generation: context.generation,
    warnings: notes.list,
    cameFrom: (path) => originOf(document, path),
  };
}

export interface BackConversion {
  readonly document: JsonMap;
  /** Fields of the sac/v1 manifest that the old version cannot say, or would say differently. */
  readonly lost: readonly string[];
}

/** The old document again, later edits of the sac/v1 form included. One that never was old becomes scitex-agent-container/v3. */
export function convertBack(manifest: unknown): BackConversion {
  const v1: JsonMap = isJson(manifest) && isMap(manifest) ? manifest : {};
  const carried = readCarried(v1);
  const document = draftOf({ apiVersion: carried.apiVersion, kind: 'Agent', ...carried.rest });
  const name = at(v1, 'metadata.name');
  const folderName = typeof name === 'string' ? name : undefined;
  const context = contextOf(
    carried.generation,
    folderName,
    at(v1, 'metadata.labels.role'),
    at(v1, 'spec.profile'),
    () => at(v1, 'spec.place.runtime') === 'slurm',
    new Notes(),
  );
  for (const rule of RULES) {
    const now = rule.v1.map((path) => at(v1, path));
    const old = rule.old.map((path) => at(carried.rest, path));
    const isCarried = rule.old.some((path, index) => old[index] !== undefined || carried.absent.includes(path));
    if (isCarried && sameValues(forward(rule, old, context), now)) continue;
    const back = rule.backward(now, context);
    rule.old.forEach((path, index) => {
      const value = back[index];
      if (value === undefined) drop(document, path);
      else put(document, path, value);
    });
  }
  return { document, lost: lostFields(v1, dropImpossible(document, folderName), folderName) };
}

/** Without what the old version does not take: a value of the new one that was written there. */
function dropImpossible(document: Draft, folderName: string | undefined): Draft {
  const written = at(document, 'metadata.name');
  const tried = convertToV1(document, typeof written === 'string' ? written : folderName);
  if (!tried.ok) for (const { path } of tried.issues) drop(document, path.join('.'));
  return document;
}

function contextOf(
  generation: Generation,
  folderName: string | undefined,
  role: Json | undefined,
  runtime: Json | undefined,
  isJob: () => boolean,
  notes: Notes,
): RuleContext {
  return {
    generation,
    ...(folderName === undefined ? {} : { folderName }),
    ...(typeof role === 'string' ? { role } : {}),
    isJob,
    otherCli: runtime === 'cursor' || runtime === 'aider',
    warn: notes.warn,
    suspend: notes.suspend,
  };
}

type Values = readonly (Json | undefined)[];

const forward = (rule: Rule, old: Values, context: RuleContext): Values => {
  const made = rule.forward(
    old.map((value) => value ?? undefined),
    context,
  );
  return rule.v1.map((_, index) => made[index]);
};
const sameValues = (a: Values, b: Values) => a.length === b.length && a.every((value, index) => same(value, b[index]));

/** Converts one rule's fields; takes them out of `rest` when the way back is exact, else answers which were absent. */
function convertGroup(rule: Rule, document: JsonMap, made: Draft, rest: Draft, context: RuleContext): string[] {
  const old = rule.old.map((path) => at(document, path));
  const values = forward(rule, old, context);
  rule.v1.forEach((path, index) => {
    const value = values[index];
    if (value !== undefined) put(made, path, value);
  });
  const back = rule.backward(values, context);
  if (rule.old.every((_, index) => same(old[index], back[index]))) {
    for (const path of rule.old) drop(rest, path);
    return [];
  }
  return rule.old.filter((_, index) => old[index] === undefined && back[index] !== undefined);
}

function originOf(document: JsonMap, path: FieldPath): FieldPath {
  for (const rule of RULES) {
    const prefix = rule.v1
      .map((field) => field.split('.'))
      .find((parts) => parts.every((part, index) => path[index] === part));
    if (prefix === undefined) continue;
    const present = rule.old.filter((field) => (at(document, field) ?? null) !== null);
    const namesake = present.find((field) => field.endsWith(`.${prefix.at(-1)}`));
    const index = rule.v1.indexOf(prefix.join('.'));
    const sameIndex = rule.old.length === rule.v1.length ? rule.old[index] : undefined;
    const source = namesake ?? sameIndex ?? present[0] ?? rule.old[0] ?? '';
    return [...source.split('.'), ...path.slice(prefix.length)];
  }
  return path;
}

const refuse = (path: FieldPath, message: string): Conversion => ({
  ok: false,
  issues: [{ path, at: 'value', message }],
});

/** Measured, not guessed: what is different after going there once more. */
function lostFields(v1: JsonMap, document: JsonMap, folderName: string | undefined): string[] {
  const written = at(document, 'metadata.name');
  const again = convertToV1(document, typeof written === 'string' ? written : folderName);
  if (!again.ok) return again.issues.map((issue) => issue.path.join('.'));
  return leaves(v1)
    .filter((leaf) => !sameMeaning(follow(v1, leaf), follow(again.manifest, leaf)))
    .map((leaf) => leaf.join('.'));
}

function leaves(node: Json, path: readonly string[] = []): (readonly string[])[] {
  if (path.at(-1) === CONVERTED_FROM) return [];
  return isMap(node) ? Object.entries(node).flatMap(([key, value]) => leaves(value, [...path, key])) : [path];
}

function follow(tree: Json, path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>(
    (node, part) => (isMap(node) && Object.hasOwn(node, part) ? node[part] : undefined),
    tree,
  );
}

function sameMeaning(a: Json | undefined, b: Json | undefined): boolean {
  if (same(a, b)) return true;
  const [left, right] = [durationSchema.safeParse(a), durationSchema.safeParse(b)];
  return left.success && right.success && durationMs(left.data) === durationMs(right.data);
}

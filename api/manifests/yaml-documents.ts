/**
 * Owns: cutting text into YAML 1.2 documents, with bounds on what a document may cost before it is even built.
 * Never: throws for any text; knows what a manifest is.
 */
import { Composer, type CST, type Document, Lexer, LineCounter, Parser, type YAMLError } from 'yaml';
import { FILE_START, type Position } from './problem.ts';
import { LIMITS, readTree, type Tree } from './yaml-tree.ts';

export interface YamlDocument {
  readonly start: Position;
  /** Absent when the text is no YAML or passes a bound: `faults` says why. */
  readonly tree?: Tree;
  readonly faults: readonly YamlFault[];
}
export interface YamlFault {
  readonly at: Position;
  readonly path: Tree['faults'][number]['path'];
  readonly message: string;
}
export interface YamlText {
  readonly documents: readonly YamlDocument[];
  position(offset: number): Position;
}

const OPTIONS = {
  version: '1.2',
  schema: 'core',
  merge: false,
  resolveKnownTags: false,
  strict: true,
  // Found in the tree walk instead: linear, and it can say where.
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

/** Tokens a document may have: about six a node. */
const MAX_LEXEMES = LIMITS.nodes * 10;
/** Documents a file may have: one of 1 MiB has room for so many agents. Beyond, it is `---` again and again. */
const MAX_DOCUMENTS = 10_000;
/** After a missing quote or bracket, the rest is noise. */
const MAX_SYNTAX_ERRORS = 10;

class Bound extends Error {
  readonly offset: number;
  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

export function readYaml(text: string): YamlText {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1);
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return line === 0 ? FILE_START : { line, column: col };
  };
  const documents: YamlDocument[] = [];
  try {
    for (const doc of new Composer(OPTIONS).compose(boundedTokens(text), false, text.length)) {
      const read = readDocument(doc, position);
      if (read) documents.push(read);
    }
  } catch (error) {
    // Beside our own bounds, whatever the library may trip over is the text's fault, not a reason to fall.
    const offset = error instanceof Bound ? error.offset : 0;
    const message =
      error instanceof Bound
        ? error.message
        : `is not YAML that can be read (${error instanceof Error ? error.message : 'unknown error'})`;
    documents.push({ start: position(offset), faults: [{ at: position(offset), path: [], message }] });
  }
  return { documents, position };
}

/** Stops before a document of brackets or of a million keys is built in memory. */
function* boundedTokens(text: string): Generator<CST.Token, void> {
  const parser = new Parser();
  let lexemes = 0;
  let documents = 0;
  for (const lexeme of new Lexer().lex(text)) {
    lexemes += 1;
    if (lexemes > MAX_LEXEMES) throw new Bound(parser.offset, `this document grows beyond ${LIMITS.nodes} values`);
    if (parser.stack.length > LIMITS.depth + 4)
      throw new Bound(parser.offset, `nests deeper than ${LIMITS.depth} levels`);
    for (const token of parser.next(lexeme)) {
      if (token.type === 'document') {
        lexemes = 0;
        documents += 1;
        if (documents > MAX_DOCUMENTS)
          throw new Bound(parser.offset, `this file holds more than ${MAX_DOCUMENTS} documents`);
      }
      yield token;
    }
  }
  yield* parser.end();
}

/** undefined for an empty document. */
function readDocument(doc: Document.Parsed, position: (offset: number) => Position): YamlDocument | undefined {
  const start = position(doc.contents?.range[0] ?? doc.range[0]);
  const faults: YamlFault[] = [...doc.errors, ...doc.warnings]
    .toSorted((a, b) => a.pos[0] - b.pos[0])
    .map((error) => ({ at: position(error.pos[0]), path: [], message: syntaxMessage(error) }));
  const { yaml } = doc.directives ?? {};
  if (yaml?.explicit === true && yaml.version !== '1.2')
    faults.push({
      at: position(doc.range[0]),
      path: [],
      message: `%YAML ${yaml.version} is not supported; manifests are YAML 1.2`,
    });
  if (faults.length > MAX_SYNTAX_ERRORS) {
    const more = faults.length - MAX_SYNTAX_ERRORS;
    faults.splice(MAX_SYNTAX_ERRORS, more, {
      at: faults[MAX_SYNTAX_ERRORS]?.at ?? start,
      path: [],
      message: `... and ${more} more syntax errors`,
    });
  }
  if (faults.length > 0) return { start, faults };
  const tree = readTree(doc);
  if (tree.faults.length > 0)
    return { start, faults: tree.faults.map(({ offset, path, message }) => ({ at: position(offset), path, message })) };
  return tree.value === null ? undefined : { start, tree, faults: [] };
}

function syntaxMessage(error: YAMLError): string {
  if (error.code === 'TAB_AS_INDENT') return 'a tab is used as indentation; YAML wants spaces';
  if (error.code === 'TAG_RESOLVE_FAILED') return `${lowerFirst(error.message)}; YAML core types only`;
  return `is not valid YAML: ${lowerFirst(error.message)}`;
}

const lowerFirst = (message: string) => message.slice(0, 1).toLowerCase() + message.slice(1, 300);

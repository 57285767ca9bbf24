/**
 * Owns: version tags and ranges: which tag is the highest in `^1.2`, `~1.4.0`, `>=1.0 <2`, `1.x`, `1.0 - 2.0`, `a || b`.
 * Never: takes a pre-release unless the range itself names one of the same major.minor.patch.
 */

export interface Version {
  readonly core: readonly [number, number, number];
  /** Identifiers after "-"; empty for a release. */
  readonly pre: readonly string[];
}

const VERSION =
  /^v?(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,9})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?$/;

/** semver.org 2.0.0, with an optional leading "v". */
export function parseVersion(text: string): Version | undefined {
  const found = VERSION.exec(text);
  if (!found) return undefined;
  return { core: [Number(found[1]), Number(found[2]), Number(found[3])], pre: found[4]?.split('.') ?? [] };
}

/** Precedence, semver.org §11. */
export function compareVersions(a: Version, b: Version): number {
  for (const at of [0, 1, 2] as const) if (a.core[at] !== b.core[at]) return a.core[at] - b.core[at];
  if (a.pre.length === 0 || b.pre.length === 0) return b.pre.length - a.pre.length;
  for (let at = 0; at < Math.max(a.pre.length, b.pre.length); at++) {
    const [x, y] = [a.pre[at], b.pre[at]];
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    if (x === y) continue;
    const [nx, ny] = [/^\d+$/.test(x), /^\d+$/.test(y)];
    if (nx && ny) return Number(x) - Number(y);
    if (nx !== ny) return nx ? -1 : 1;
    return x < y ? -1 : 1;
  }
  return 0;
}

interface Bound {
  readonly test: '<' | '<=' | '>' | '>=' | '=';
  readonly version: Version;
}
export type Range = readonly (readonly Bound[])[];

/** undefined when the text is no range. */
export function parseRange(text: string): Range | undefined {
  const alternatives = text.split('||').map((part) => parseAlternative(part.trim()));
  return alternatives.every((one) => one !== undefined) ? alternatives.flatMap((one) => (one ? [one] : [])) : undefined;
}

const PART =
  /^(\^|~|>=|<=|>|<|=)?\s*v?(\d{1,10}|[xX*])(?:\.(\d{1,10}|[xX*]))?(?:\.(\d{1,10}|[xX*]))?(?:-([0-9A-Za-z.-]+))?$/;

function parseAlternative(text: string): readonly Bound[] | undefined {
  if (text === '') return undefined;
  const [from, to, ...rest] = text.split(/\s+-\s+/);
  if (from !== undefined && to !== undefined) {
    if (rest.length > 0) return undefined;
    const [low, high] = [parsePart(`>=${from}`), parsePart(`<=${to}`)];
    return low && high && [...low, ...high];
  }
  const bounds: Bound[] = [];
  for (const part of text.replace(/([<>=^~])\s+/g, '$1').split(/[\s,]+/)) {
    const parsed = parsePart(part);
    if (!parsed) return undefined;
    bounds.push(...parsed);
  }
  return bounds;
}

function parsePart(text: string): readonly Bound[] | undefined {
  const found = PART.exec(text);
  if (!found) return undefined;
  const [, sign = '', ...written] = found;
  const numbers = written
    .slice(0, 3)
    .map((one) => (one === undefined || /^[xX*]$/.test(one) ? undefined : Number(one)));
  const given = numbers.indexOf(undefined) < 0 ? 3 : numbers.indexOf(undefined);
  // 1.x.3 says nothing sensible.
  if (numbers.slice(given).some((one) => one !== undefined)) return undefined;
  const pre = written[3]?.split('.') ?? [];
  if (pre.length > 0 && given < 3) return undefined;
  const [major = 0, minor = 0, patch = 0] = numbers;
  const low: Version = { core: [major, minor, patch], pre };
  /** The lowest version above everything the written part stands for. */
  const above = (kept: number): Version => ({ core: raise([major, minor, patch], kept), pre: ['0'] });
  switch (sign) {
    case '>':
      return given === 0
        ? NOTHING
        : given === 3
          ? [{ test: '>', version: low }]
          : [{ test: '>=', version: { ...above(given), pre: [] } }];
    case '>=':
      return [{ test: '>=', version: low }];
    case '<':
      return given === 0 ? NOTHING : [{ test: '<', version: given === 3 ? low : { ...low, pre: ['0'] } }];
    case '<=':
      if (given === 0) return [];
      return given === 3 ? [{ test: '<=', version: low }] : [{ test: '<', version: above(given) }];
    case '~':
      return given === 0
        ? ANY
        : [
            { test: '>=', version: low },
            { test: '<', version: above(Math.min(given, 2)) },
          ];
    case '^': {
      if (given === 0) return ANY;
      const firstNonZero = numbers.findIndex((one) => one !== 0 && one !== undefined);
      const kept = firstNonZero < 0 ? given : firstNonZero + 1;
      return [
        { test: '>=', version: low },
        { test: '<', version: above(kept) },
      ];
    }
    default:
      if (given === 0) return ANY;
      return given === 3
        ? [{ test: '=', version: low }]
        : [
            { test: '>=', version: low },
            { test: '<', version: above(given) },
          ];
  }
}

const ZERO: Version = { core: [0, 0, 0], pre: [] };
const ANY: readonly Bound[] = [{ test: '>=', version: ZERO }];
const NOTHING: readonly Bound[] = [{ test: '<', version: { core: [0, 0, 0], pre: ['0'] } }];

/** The first `kept` numbers stay, the last of them raised by one. */
function raise([major, minor, patch]: Version['core'], kept: number): Version['core'] {
  if (kept <= 1) return [major + 1, 0, 0];
  return kept === 2 ? [major, minor + 1, 0] : [major, minor, patch + 1];
}

export function satisfies(version: Version, range: Range): boolean {
  return range.some((bounds) => {
    if (!bounds.every((bound) => holds(version, bound))) return false;
    if (version.pre.length === 0) return true;
    return bounds.some(
      ({ version: named, test }) =>
        named.pre.length > 0 && test !== '<' && named.core.every((number, at) => number === version.core[at]),
    );
  });
}

function holds(version: Version, bound: Bound): boolean {
  const order = compareVersions(version, bound.version);
  switch (bound.test) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    case '=':
      return order === 0;
  }
}

/** The highest of these tags in the range; undefined when none is. */
export function highestTag(tags: Iterable<string>, range: Range): string | undefined {
  let best: { readonly tag: string; readonly version: Version } | undefined;
  for (const tag of tags) {
    const version = parseVersion(tag);
    if (!version || !satisfies(version, range)) continue;
    const order = best === undefined ? 1 : compareVersions(version, best.version);
    // Of v1.0.0 and 1.0.0 always the same one, whatever order they come in.
    if (order > 0 || (order === 0 && best !== undefined && tag < best.tag)) best = { tag, version };
  }
  return best?.tag;
}

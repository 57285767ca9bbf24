/**
 * Owns: which runtimes read which section of `place`, and what is said of a section that the runtime named there does not read.
 * Never: knows what stands in a section.
 */

/**
 * Sections of one runtime alone. `tmux` (terminals) and `process` (logs) are read by several, chosen by `auto` too, and stand in
 * every spec with their defaults: they may stand beside any runtime.
 */
const READERS = {
  slurm: ['slurm'],
  docker: ['docker'],
  podman: ['podman'],
  apptainer: ['apptainer'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type Section = keyof typeof READERS;
export const SECTIONS = Object.keys(READERS).filter((key): key is Section => key in READERS);

/** A place as it is read, as far as it could be. */
type Place = { readonly runtime?: unknown } & { readonly [S in Section]?: unknown };

/** Says something that nobody would read. Defaults that were filled in say nothing, written out or not. */
export function isIdle(section: Section, place: Place, defaults: unknown): boolean {
  const said = place[section];
  const readers: readonly unknown[] = READERS[section];
  if (said === undefined || place.runtime === undefined || readers.includes(place.runtime)) return false;
  return JSON.stringify(said) !== JSON.stringify(defaults);
}

export function idleText(section: Section, runtime: unknown): string {
  const named = runtime === 'auto' ? 'auto, which is tmux or process' : String(runtime);
  return `would do nothing: place.runtime is ${named}. Take it out, or say runtime: ${READERS[section].join(' or ')}`;
}

/**
 * The spec without sections that did nothing before either: of a time in which they were allowed. `before`: the stored spec.
 * Whoever changes something else of such an agent (stops it, scales it) is not to be refused for them.
 */
export function withoutOldIdle(spec: unknown, before: { readonly place: Place }): unknown {
  if (!hasPlace(spec)) return spec;
  const idle = SECTIONS.filter(
    (section) =>
      isIdle(section, before.place, undefined) &&
      isIdle(section, spec.place, undefined) &&
      JSON.stringify(spec.place[section]) === JSON.stringify(before.place[section]),
  );
  if (idle.length === 0) return spec;
  const kept = Object.entries(spec.place).filter(([key]) => !idle.some((section) => section === key));
  return { ...spec, place: Object.fromEntries(kept) };
}

const hasPlace = (spec: unknown): spec is { readonly place: Place } =>
  typeof spec === 'object' && spec !== null && 'place' in spec && typeof spec.place === 'object' && spec.place !== null;

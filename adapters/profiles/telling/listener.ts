/**
 * Owns: what one run of an agent has told so far by its spool and its transcript, read further whenever it is asked.
 * Never: watches, talks to the agent, or trusts a path that leaves the agent's own home.
 */
import { resolve, sep } from 'node:path';
import type { AgentFacts } from '../../../api/resources/agent/facts.ts';
import { type HookEvent, parseSpoolLine } from '../../../api/resources/agent/hook-event.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { EventRing } from '../hooks/event-ring.ts';
import { FileTail, type Tail } from './file-tail.ts';
import type { Telling, TranscriptReader } from './transcript.ts';

export interface ListenerOptions {
  readonly telling: Telling;
  /** `<SAC_HOME>/hooks/<instance>.spool`. */
  readonly spool: string;
  /** Transcripts are read below this folder alone: an agent writes its own spool and could name any file in it. */
  readonly home: string;
  /** Events of earlier runs are not of this one: the incarnation, which is the time the start was decided. */
  readonly since: Instant;
  /** Reads the record where it is on another machine; whoever fetches it sees to it that it is below the home there. */
  readonly record?: Tail;
}

export interface Heard {
  readonly hooks: AgentFacts;
  readonly transcript: AgentFacts;
}

/** At most this many parts of 1 MB at once: a long conversation is caught up with over several looks. */
const PARTS_A_LOOK = 8;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #ring = new EventRing();
  readonly #spool: FileTail;
  #older: FileTail | undefined;
  #transcript: { readonly path: string; readonly tail: Tail; reader: TranscriptReader } | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#spool = new FileTail(options.spool);
    this.#older = new FileTail(`${options.spool}.1`);
  }

  /** The last 500 events, oldest first. */
  get events(): readonly HookEvent[] {
    return this.#ring.events;
  }

  /**
   * Reads on and says what is known now. `transcript` names the file where no hook has told it (newest of the CLI's store).
   * Not to be called again before it has answered. Throws only what a file system throws besides "not there".
   */
  async listen(transcript?: string): Promise<Heard> {
    await this.#readSpool();
    const { telling, record } = this.#options;
    const hooks = telling.hooks?.(this.#ring.events) ?? {};
    const path = hooks.transcriptPath?.value ?? transcript;
    if (telling.transcript === undefined) return { hooks, transcript: {} };
    if (record) await this.#readOn(record, '', telling.transcript);
    else if (path !== undefined) await this.#readTranscript(path, telling.transcript);
    return { hooks, transcript: this.#transcript?.reader.facts() ?? {} };
  }

  async #readSpool(): Promise<void> {
    // What stepped aside while nobody listened comes first, once.
    const older = this.#older;
    if (older !== undefined) await this.#drain(older);
    this.#older = undefined;
    await this.#drain(this.#spool);
  }

  async #drain(tail: FileTail): Promise<void> {
    for (let part = 0; part < PARTS_A_LOOK; part += 1) {
      const { lines, restarted, more } = await tail.read();
      this.#keep(lines);
      // It stepped aside between two looks: what came before it did, and after the last look, lies there.
      if (restarted) await this.#readAside();
      if (!more) return;
    }
  }

  async #readAside(): Promise<void> {
    const known = new Set(this.#ring.events.map(keyOf));
    const aside = new FileTail(`${this.#options.spool}.1`);
    for (let part = 0; part < PARTS_A_LOOK; part += 1) {
      const { lines, more } = await aside.read();
      this.#keep(lines, known);
      if (!more) return;
    }
  }

  #keep(lines: readonly string[], known: ReadonlySet<string> = new Set()): void {
    const { foreignLine } = this.#options.telling;
    const events = lines.flatMap((line) => parseSpoolLine(line) ?? foreignLine?.(line) ?? []);
    this.#ring.add(events.filter((event) => event.at >= this.#options.since && !known.has(keyOf(event))));
  }

  async #readTranscript(path: string, create: () => TranscriptReader): Promise<void> {
    const full = resolve(path);
    if (!full.startsWith(resolve(this.#options.home) + sep) || !full.endsWith('.jsonl')) return;
    await this.#readOn(this.#transcript?.path === full ? this.#transcript.tail : new FileTail(full), full, create);
  }

  async #readOn(tail: Tail, path: string, create: () => TranscriptReader): Promise<void> {
    const current = this.#transcript?.tail === tail ? this.#transcript : { path, tail, reader: create() };
    this.#transcript = current;
    for (let part = 0; part < PARTS_A_LOOK; part += 1) {
      const { lines, restarted, more } = await current.tail.read();
      if (restarted) current.reader = create();
      for (const line of lines) current.reader.add(line);
      if (!more) return;
    }
  }
}

const keyOf = ({ at, kind, payload }: HookEvent): string => `${at} ${kind} ${JSON.stringify(payload)}`;

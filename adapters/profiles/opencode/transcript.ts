/**
 * Owns: what OpenCode's own record of a conversation (rows of opencode.db, as lines of JSON) tells.
 * Never: opens the database. Tables as written by 1.18.33; what else is in a row is passed over.
 */
import type { AgentFacts } from '../../../api/resources/agent/facts.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { Conversation } from '../telling/conversation.ts';
import type { RecordDatabase } from '../telling/database-tail.ts';
import { type Fields, fieldsOf, numberOf, parseFields, type TranscriptReader, textOf } from '../telling/transcript.ts';

/**
 * The newest conversation of the working directory that this run has written to: what it is, its last messages, and of
 * these the last parts, cut where they are long. Rows of one instant: a message before its parts.
 */
const LINES = `
with talk as (
  select id, version from session
  where directory = :cwd and parent_id is null and time_updated >= :since
  order by time_updated desc limit 1
), said as (
  select m.id, m.time_created, m.data from message m join talk on m.session_id = talk.id
  where json_valid(m.data) order by m.time_created desc limit 2000
), piece as (
  select p.id, p.message_id, p.time_created, p.data from part p join talk on p.session_id = talk.id
  where json_valid(p.data) and json_extract(p.data, '$.type') in ('text', 'tool')
  order by p.time_created desc limit 400
)
select line from (
  select 0 as at, 0 as rank, json_object('kind', 'session', 'id', id, 'version', version) as line from talk
  union all
  select time_created, 1, json_object('kind', 'message', 'at', time_created, 'id', id,
    'role', json_extract(data, '$.role'), 'model', json_extract(data, '$.modelID'),
    'completed', json_extract(data, '$.time.completed'), 'tokens', json_extract(data, '$.tokens'),
    'summary', json_extract(data, '$.summary') = 1,
    'error', substr(coalesce(json_extract(data, '$.error.data.message'), json_extract(data, '$.error.name')), 1, 2000))
  from said
  union all
  select time_created, 2, json_object('kind', json_extract(data, '$.type'), 'at', time_created, 'message', message_id,
    'text', substr(json_extract(data, '$.text'), 1, 4000), 'synthetic', json_extract(data, '$.synthetic') = 1,
    'tool', json_extract(data, '$.tool'), 'call', coalesce(json_extract(data, '$.callID'), id),
    'status', json_extract(data, '$.state.status'), 'ended', json_extract(data, '$.state.time.end'),
    'input', case when length(json_extract(data, '$.state.input')) < 8000 then json_extract(data, '$.state.input') end)
  from piece
) order by at, rank`;

export const OPENCODE_DATABASE: RecordDatabase = {
  file: '.local/share/opencode/opencode.db',
  tables: ['session', 'message', 'part'],
  lines: LINES,
};

/** The parts of a message follow it closely. */
const KEPT_MESSAGES = 100;

export class OpencodeTranscript implements TranscriptReader {
  readonly #talk = new Conversation();
  /** Messages of the user, by id: whose words a part holds. */
  readonly #asked = new Set<string>();

  add(line: string): void {
    const row = parseFields(line);
    if (row === undefined) return;
    const at = numberOf(row['at']);
    this.#talk.seen(at);
    switch (row['kind']) {
      case 'session':
        this.#talk.knows({ sessionId: textOf(row['id']), cliVersion: textOf(row['version']) });
        return;
      case 'message':
        if (row['role'] === 'user') this.#ask(textOf(row['id']));
        else this.#answer(row, at);
        return;
      case 'text':
        this.#text(row, at);
        return;
      case 'tool':
        this.#tool(row, at);
    }
  }

  #ask(message: string): void {
    this.#asked.add(message);
    const [oldest] = this.#asked;
    if (oldest !== undefined && this.#asked.size > KEPT_MESSAGES) this.#asked.delete(oldest);
  }

  #answer(row: Fields, at: Instant): void {
    this.#talk.uses(textOf(row['model']));
    const error = textOf(row['error']);
    if (error !== '') this.#talk.failed(error);
    const ended = numberOf(row['completed']);
    if (ended === 0) return;
    this.#talk.seen(ended);
    if (error === '') this.#talk.answered('', ended);
    const tokens = fieldsOf(row['tokens']);
    const cache = fieldsOf(tokens['cache']);
    const used = {
      input: numberOf(tokens['input']),
      output: numberOf(tokens['output']) + numberOf(tokens['reasoning']),
      cacheRead: numberOf(cache['read']),
      cacheWrite: numberOf(cache['write']),
    };
    const total = used.input + used.output + used.cacheRead + used.cacheWrite;
    // Nothing was sent back: an answer that failed or was interrupted.
    if (total === 0) return;
    this.#talk.spent(used, ended);
    // What was summed up is in no context.
    this.#talk.holds(row['summary'] === 1 ? 0 : total, at);
  }

  #text(row: Fields, at: Instant): void {
    const text = textOf(row['text']).trim();
    if (text === '' || row['synthetic'] === 1) return;
    if (this.#asked.has(textOf(row['message']))) this.#talk.said(text, at);
    else this.#talk.answered(text, at);
  }

  #tool(row: Fields, at: Instant): void {
    const id = textOf(row['call']);
    const input = typeof row['input'] === 'string' ? parseFields(row['input']) : fieldsOf(row['input']);
    this.#talk.tools.start({ name: textOf(row['tool']), input: input ?? {}, at, id });
    if (row['status'] === 'completed' || row['status'] === 'error')
      this.#talk.tools.end({ id, at: numberOf(row['ended']) || at, failed: row['status'] === 'error' });
  }

  facts(): AgentFacts {
    return this.#talk.facts();
  }
}

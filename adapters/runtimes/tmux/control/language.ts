/**
 * Owns: putting words into tmux's command language, and the names and formats we use in it.
 * Never: lets data become syntax: a line break would begin another command, so it is refused.
 */
import { type InstanceId, instanceNameOf } from '../../../../api/resources/names.ts';
import { RuntimeError } from '../../runtime.ts';

/** Needs no quotes anywhere; a `%` may begin a directive, except in the id of a pane. */
const PLAIN = /^(?:[A-Za-z0-9_@+=:,./-]+|%[0-9]+)$/;

/** One word of a tmux command. Between single quotes nothing is special but the quote (tmux(1), PARSING SYNTAX). */
export function word(text: string): string {
  if (/[\n\r\0]/.test(text))
    throw new RuntimeError(
      `"${text.replaceAll(/[\n\r\0]/g, '?')}" holds a line break, which tmux's control mode cannot carry`,
    );
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export const command = (...words: readonly string[]): string => words.map(word).join(' ');
/** Commands on one line: nothing of anybody else comes between them, and after a failing one the rest is dropped. */
export const together = (...commands: readonly string[]): string => commands.join(' ; ');

/** In a format `#` begins something; doubled it is itself. */
export const literal = (text: string): string => text.replaceAll('#', '##');

export function sessionName(id: InstanceId): string {
  const name = instanceNameOf(id);
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) throw new RuntimeError(`"${name}" cannot be the name of a tmux session`);
  return name;
}
/** Exactly this session: a bare `-t foo` would also match `foobar`. */
export const exactly = (id: InstanceId): string => `=${sessionName(id)}:`;

/**
 * Told of a session: whose it is, which start, which launch. Variables of its environment, which formats read like options:
 * setting an option makes tmux 3.3a go through all sessions, 1 ms with 1,000 of them. No secret: until they are set anew, hidden,
 * by a restart, what is begun in the session gets them (a shell drops them, as no name of its own begins with `@`).
 */
export const TAG = {
  id: '@sac_id',
  incarnation: '@sac_incarnation',
  hash: '@sac_hash',
  submitted: '@sac_submitted',
} as const;
/** Told of a session: the id of the one pane that is the agent; an attached person may open others beside it. */
export const AGENT_PANE = '@sac_pane';
/** Told of the server: what its configuration says of panes that died, before all of them were kept for us. */
export const KEPT = '@sac_kept';
/** Told of the server: panes that died since it was last read, as `<id>:<pane> `. */
export const DIED = '@sac_died';

export const tag = (at: string, name: string, value: string): string =>
  command('set-environment', '-h', '-t', at, name, value);

/** Hashes and fleet ids are ours, but go into formats: nothing special may be in them. */
export function plain(text: string): string {
  if (!/^[A-Za-z0-9._-]+$/.test(text)) throw new RuntimeError(`"${text}" cannot be a tag of a tmux session`);
  return text;
}

/** A format that is true when an option has this (plain) value. */
export const equals = (option: string, value: string): string => `#{==:#{${option}},${plain(value)}}`;
export const isEmpty = (option: string): string => `#{==:#{${option}},}`;
/** In a format: the pane is an agent. Earlier versions had an option of the pane, `1`. */
export const IS_AGENT_PANE = `#{||:#{==:#{${AGENT_PANE}},#{pane_id}},#{==:#{${AGENT_PANE}},1}}`;
/** tmux itself decides, at the moment of acting. */
export const when = (at: string, format: string, then: string): string =>
  command('if-shell', '-F', '-t', at, format, then);

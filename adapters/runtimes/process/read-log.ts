/**
 * Owns: reading the log files of an instance: `current.log`, or `previous.log` of the run before.
 * Never: writes or turns them over.
 */
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Transport } from '../../transport/transport.ts';
import { type LogOptions, type PlaceDirs, RuntimeError } from '../runtime.ts';
import { followLines } from './log-lines.ts';

/** Throws RuntimeError when no such run has written anything. */
export async function* readLog(
  t: Transport,
  dirs: PlaceDirs,
  id: InstanceId,
  { tail, previous = false, follow = false, signal }: LogOptions,
): AsyncIterable<string> {
  const folder = `${dirs.logs}/${instanceNameOf(id)}`;
  const file = `${folder}/${previous ? 'previous' : 'current'}.log`;
  const count = tail === undefined ? '+1' : String(tail);
  if (follow && !previous) {
    yield* followLines(t, ['tail', '-n', count, '-F', '--', file], signal);
    return;
  }
  let { code, stdout } = await t.run(['tail', '-n', count, '--', file]);
  // At rest there is no current run: the last one is what there is to show.
  if (code !== 0 && !previous) ({ code, stdout } = await t.run(['tail', '-n', count, '--', `${folder}/previous.log`]));
  if (code !== 0)
    throw new RuntimeError(
      previous ? `no earlier run of ${instanceNameOf(id)} is kept` : `${instanceNameOf(id)} has written nothing yet`,
    );
  if (stdout !== '') yield* stdout.replace(/\n$/, '').split('\n');
}

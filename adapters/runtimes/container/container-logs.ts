/**
 * Owns: what a container's terminal showed, as lines; of the run before from the file it was archived to.
 * Never: waits for a slow reader by filling memory (see followLines).
 */
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Transport } from '../../transport/transport.ts';
import { followLines } from '../process/log-lines.ts';
import { type LogOptions, RuntimeError } from '../runtime.ts';
import type { Containers } from './containers.ts';
import type { Engine } from './engine.ts';
import { MARK_END, OPEN_MARK } from './terminal/scripts.ts';

/** A container that ended is looked after so often: the next one of that name is then followed. */
const NEXT_MS = 500;

export async function* containerLogs(
  containers: Containers,
  t: Transport,
  engine: Engine,
  id: InstanceId,
  options: LogOptions,
): AsyncIterable<string> {
  let begun = '';
  for await (const line of markedLogs(containers, t, engine, id, options)) {
    const whole = begun + (begun === '' ? line : line.replace(MARK_END, ''));
    const open = OPEN_MARK.exec(whole);
    begun = open ? whole.slice(0, open.index) : '';
    if (!open) yield whole;
  }
  if (begun !== '') yield begun;
}

async function* markedLogs(
  containers: Containers,
  t: Transport,
  { program }: Engine,
  id: InstanceId,
  { tail, previous = false, follow = false, signal }: LogOptions,
): AsyncIterable<string> {
  const current = previous ? undefined : await containers.find(id);
  if (current?.sighting) {
    const count = tail === undefined ? [] : ['--tail', `${tail}`];
    if (!follow) {
      const result = await t.run([program, 'logs', ...count, current.containerId]);
      if (result.code !== 0) throw containers.failure(`show what ${instanceNameOf(id)} wrote`, result);
      if (result.stdout !== '')
        yield* result.stdout
          .replace(/\r?\n$/, '')
          .split('\n')
          .map(plain);
      return;
    }
    let following = current.containerId;
    let lines = followLines(t, [program, 'logs', '--follow', ...count, following], signal);
    for (;;) {
      for await (const line of lines) yield plain(line);
      const next = await nextContainer(containers, id, following, signal);
      if (next === undefined) return;
      following = next;
      lines = followLines(t, [program, 'logs', '--follow', following], signal);
    }
  }
  const name = instanceNameOf(id);
  const { code, stdout } = await t.run([
    'tail',
    '-n',
    tail === undefined ? '+1' : `${tail}`,
    '--',
    containers.previousLog(id),
  ]);
  if (code !== 0)
    throw new RuntimeError(previous ? `no earlier run of ${name} is kept` : `${name} has written nothing yet`);
  if (stdout !== '')
    yield* stdout
      .replace(/\r?\n$/, '')
      .split('\n')
      .map(plain);
}

async function nextContainer(
  containers: Containers,
  id: InstanceId,
  before: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  while (!signal?.aborted) {
    const found = await containers.find(id).catch(() => undefined);
    if (found?.sighting && found.containerId !== before) return found.containerId;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, NEXT_MS);
      signal?.addEventListener('abort', done, { once: true });
      function done() {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      }
    });
  }
  return undefined;
}

/** A terminal ends its lines with a carriage return too. */
const plain = (line: string): string => line.replace(/\r+$/, '');

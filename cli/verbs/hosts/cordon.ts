/**
 * Owns: `sac cordon`, `uncordon` and `drain`.
 * Never: touches an agent; the controller moves what may move.
 */
import type { Client } from '../../../api/client.ts';
import { EXIT, NotFoundError, TimedOutError } from '../../../api/resources/errors.ts';
import { durationMs } from '../../../api/resources/time.ts';
import { parseResources } from '../../client/resources.ts';
import { oneLine } from '../../output/terminal.ts';
import { flag, type Run, text } from '../../verb.ts';

const CHANGES = {
  cordon: { spec: { cordoned: true }, told: 'cordoned' },
  uncordon: { spec: { cordoned: false, drain: false }, told: 'uncordoned' },
  drain: { spec: { cordoned: true, drain: true }, told: 'draining' },
} as const;
const LOOK_MS = 300;

export const run: Run = async (args, options, context) => {
  const verb = text(options, 'verb');
  const change = CHANGES[verb === 'drain' || verb === 'uncordon' ? verb : 'cordon'];
  const { told } = change;
  const spec = verb === 'drain' && flag(options, 'force') ? { ...change.spec, drain: 'now' } : change.spec;
  const names = parseResources(args, 'hosts').flatMap((named) => named.names);
  const client = await context.client();
  for (const name of names) {
    if (name === 'local')
      throw new NotFoundError('this machine is always there and takes agents; only declared hosts are cordoned');
    await client.patchObject('hosts', name, { spec });
    context.out.write(`host/${name} ${told}\n`);
  }
  if (verb !== 'drain' || !flag(options, 'wait')) return EXIT.done;
  const end = Date.now() + durationMs(text(options, 'timeout') ?? '10m');
  for (const name of names) await emptied(client, name, end);
  context.out.write(names.map((name) => `host/${oneLine(name)} drained\n`).join(''));
  return EXIT.done;
};

async function emptied(client: Client, name: string, end: number): Promise<void> {
  for (;;) {
    const living = (await client.list('instances')).items.filter(
      ({ status }) => status.host === name && status.pid !== undefined,
    );
    if (living.length === 0) return;
    if (Date.now() > end)
      throw new TimedOutError(
        `host "${name}" still has ${living.map(({ metadata }) => metadata.name).join(', ')}; what is busy stays until it is idle (--force does not wait), what may live nowhere else stays`,
      );
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
}

/**
 * Owns: `sac start`, `stop` and `restart`.
 * Never: fights a manifest: what a file declares is changed in the file, or with --force until that file changes.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { EXIT, InvalidError } from '../../../api/resources/errors.ts';
import { followUp, READY } from '../../follow-up.ts';
import { selectAgents } from '../../selection.ts';
import { type Context, flag, type Run, text } from '../../verb.ts';
import type { Goal } from '../../waiting.ts';

const STOPPED: Goal = { kind: 'jsonpath', path: '{.status.phase}', value: 'Stopped' };

export const run: Run = async (args, options, context) => {
  const verb = text(options, 'verb') ?? 'start';
  const files = verb === 'start' ? args.filter((word) => isManifest(word, context)) : [];
  if (files.length > 0) {
    if (files.length < args.length) throw new InvalidError(['name agents or manifests, not both at once']);
    const { run: apply } = await import('../resources/apply.ts');
    return apply([], { ...options, filename: files }, context);
  }
  const client = await context.client();
  const names = await selectAgents(client, args, options, verb);
  const force = flag(options, 'force') ? { force: true } : {};
  for (const name of names) {
    if (verb === 'restart') {
      await client.restart(name);
      context.out.write(`agent/${name} restarting\n`);
      continue;
    }
    const before = await client.get('agents', name);
    const suspend = verb === 'stop';
    if (before.spec.suspend === suspend)
      context.out.write(`agent/${name} ${suspend ? 'is stopped already' : 'is started already'}\n`);
    else {
      await client.patch(name, { spec: { suspend }, ...force });
      context.out.write(
        `agent/${name} ${suspend ? 'stopping; it stays declared, `sac start` wakes it' : 'starting'}\n`,
      );
    }
  }
  return names.length === 0 || !flag(options, 'wait')
    ? EXIT.done
    : followUp(client, { names, goals: [verb === 'stop' ? STOPPED : READY] }, options, context);
};

const isManifest = (word: string, { cwd }: Context): boolean =>
  (word.includes('/') || /\.(?:ya?ml|json)$/.test(word)) && !/^agents?\//.test(word)
    ? true
    : /[/.]/.test(word) && existsSync(resolve(cwd, word));

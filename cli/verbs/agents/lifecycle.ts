/**
 * Owns: `sac start`, `stop` and `restart`.
 * Never: fights a manifest: what a file declares is changed in the file, or with --force until that file changes.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Client } from '../../../api/client.ts';
import type { Agent } from '../../../api/resources/agent/agent.ts';
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { RESUMED_ANNOTATION } from '../../../api/resources/kinds/budget.ts';
import { eachAgent } from '../../client/each-agent.ts';
import { followUp, READY } from '../../client/follow-up.ts';
import { selectAgents } from '../../client/selection.ts';
import { type Goal, runsOf } from '../../client/waiting.ts';
import { readFiles } from '../../manifest-files.ts';
import { type Context, flag, type Options, type Run, text } from '../../verb.ts';

const STOPPED: Goal = { kind: 'jsonpath', path: '{.status.phase}', value: 'Stopped' };

export const run: Run = async (args, options, context) => {
  switch (text(options, 'verb')) {
    case 'stop':
      return stop(args, options, context);
    case 'restart':
      return restart(args, options, context);
    default:
      return start(args, options, context);
  }
};

async function start(args: readonly string[], options: Options, context: Context): Promise<number> {
  const files = args.filter((word) => isManifest(word, context));
  if (files.length === 0) {
    const client = await context.client();
    const names = await selectAgents(client, args, options, 'start');
    const { code, done } = await eachAgent(names, context, (name) => wake(client, name, options));
    return afterwards(client, code, done, [READY], options, context);
  }
  if (files.length < args.length || flag(options, 'all') || text(options, 'selector') !== undefined)
    throw new BadRequestError('name agents or manifests, not both at once');
  return startFiles(files, options, context);
}

/** Applied, and woken where `sac stop` had put them to rest: applying alone leaves undeclared fields as they are. */
async function startFiles(files: readonly string[], options: Options, context: Context): Promise<number> {
  const { run: apply } = await import('../resources/apply.ts');
  const named: Options = { ...options, filename: files, wait: false };
  const code = await apply([], named, context);
  const { documents } = await readFiles(named, context);
  const meant = new Set(documents.filter(({ parsed }) => !parsed.spec.suspend).map(({ name }) => name));
  if (meant.size === 0) return code;
  const client = await context.client();
  const there = (await client.list('agents')).items.filter(({ metadata }) => meant.has(metadata.name));
  const asleep = there.filter(needsWaking).map(({ metadata }) => metadata.name);
  const woken =
    asleep.length === 0 ? EXIT.done : (await eachAgent(asleep, context, (name) => wake(client, name, options))).code;
  const names = there.filter(({ spec }) => spec.replicas > 0).map(({ metadata }) => metadata.name);
  return afterwards(client, code === EXIT.done ? woken : code, names, [READY], options, context);
}

const needsWaking = ({ spec, status }: Agent): boolean => spec.suspend || hasEnded(status);
const hasEnded = ({ phase }: Agent['status']): boolean => phase === 'Failed' || phase === 'Succeeded';

/** At rest: wakes it. Ended for good: starts it anew, for that is what whoever types `start` wants. */
async function wake(client: Client, name: string, options: Options): Promise<string> {
  const { spec, status } = await client.get('agents', name);
  const [hold] = status.held ?? [];
  if (hold && !spec.suspend) {
    const annotations = { [RESUMED_ANNOTATION]: new Date().toISOString() };
    await client.patch(name, { metadata: { annotations } });
    return `starting, although ${hold.by} held it (${hold.reason})`;
  }
  if (spec.suspend) {
    await client.patch(name, { spec: { suspend: false }, ...forceOf(options) });
    return 'starting';
  }
  if (!hasEnded(status)) return 'is started already';
  await client.restart(name, { by: 'sac start' });
  return `starting anew (it was ${status.phase})`;
}

async function stop(args: readonly string[], options: Options, context: Context): Promise<number> {
  const client = await context.client();
  const names = await selectAgents(client, args, options, 'stop');
  const { code, done } = await eachAgent(names, context, async (name) => {
    if ((await client.get('agents', name)).spec.suspend) return 'is stopped already';
    await client.patch(name, { spec: { suspend: true }, ...forceOf(options) });
    return `stopping; it stays declared, \`sac start ${name}\` wakes it`;
  });
  return afterwards(client, code, done, [STOPPED], options, context);
}

async function restart(args: readonly string[], options: Options, context: Context): Promise<number> {
  const client = await context.client();
  const names = await selectAgents(client, args, options, 'restart');
  const by = text(options, 'by');
  const session = text(options, 'session');
  if (session !== undefined && session !== 'new' && session !== 'continue')
    throw new BadRequestError(`--session "${session}" is not new or continue`);
  const before = new Set<string>();
  const { code, done } = await eachAgent(names, context, async (name) => {
    if (flag(options, 'wait')) for (const run of runsOf(await client.get('agents', name))) before.add(run);
    await client.restart(name, { ...(by !== undefined && { by }), ...(session !== undefined && { session }) });
    return session === 'new' ? 'restarting with a new conversation' : 'restarting';
  });
  return afterwards(client, code, done, [{ kind: 'replaced', before }], options, context);
}

async function afterwards(
  client: Client,
  code: number,
  names: readonly string[],
  goals: readonly Goal[],
  options: Options,
  context: Context,
): Promise<number> {
  if (!flag(options, 'wait') || names.length === 0) return code;
  const waited = await followUp(client, { names, goals }, options, context);
  return code === EXIT.done ? waited : code;
}

const forceOf = (options: Options) => (flag(options, 'force') ? { force: true } : {});

/** `web` is an agent even where a folder is called so; `./web`, `web/` and `web.yaml` are files. */
function isManifest(word: string, { cwd }: Context): boolean {
  if (/^(?:agents?|ag)\/[^/]+$/.test(word)) return existsSync(resolve(cwd, word));
  return word.includes('/') || /^\.{1,2}$/.test(word) || /\.(?:ya?ml|json)$/.test(word);
}

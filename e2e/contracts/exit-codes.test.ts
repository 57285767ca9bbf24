/** The exit code of every verb in every situation: the table scripts rely on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../api/resources/errors.ts';
import { runProgram } from '../../cli/program.ts';
import type { Verb } from '../../cli/verb.ts';
import { VERBS } from '../../cli/verbs/index.ts';
import { Forge } from '../git/forge.ts';
import { execManifest, Fleet, until } from '../harness.ts';
import { golden } from './golden.ts';
import { FIRST, OVER, SITUATIONS, type Situation, SLOW } from './situations.ts';

const WIDTH = 4;
const NOWHERE = ['--server', 'http://127.0.0.1:1'];
/** These are about this machine alone, whichever controller is named. */
const ONLY_HERE = /^(?:controller run|controller start|config .*)$/;

/** Change nothing, so that they may run beside each other. */
const LOOKING: ReadonlySet<string> = new Set(
  'diff get describe wait events logs list status inspect check explain validate convert schema tree top'.split(' '),
);

let fleet: Fleet;
let forge: Forge;
let places: Readonly<Record<string, string>>;
let viewer: readonly string[];
beforeAll(async () => {
  fleet = new Fleet({ SAC_GIT_ALLOW: 'file' }, { calls: 'here' });
  forge = new Forge();
  const repo = forge.repo();
  const spec = { startup: { minReadySeconds: 0 }, place: { runtime: 'process' } };
  const commit = repo.push({ 'sourced/spec.yaml': execManifest('sourced', ['sleep', '1000'], spec) });
  fleet.write(
    'agents/filed/spec.yaml',
    execManifest('filed', ['sleep', '1000'], { ...spec, replicas: 1, suspend: false }),
  );
  fleet.write('files/good.yaml', execManifest('good', ['sleep', '1000'], spec));
  fleet.write('files/broken.yaml', 'apiVersion: sac/v1\nkind: Agent\nspec: {profil: exec}\n');
  fleet.write('files/screen.txt', 'nothing that is known\n');
  places = { dir: `${fleet.dir}/files`, commit };
  await fleet.controller(['--agents-dir', fleet.agentsDir, '--listen', '127.0.0.1:0']);
  const { listen } = await fleet.json(['controller', 'status']);
  const token = /sac_[\w-]{40,}/.exec(await fleet.ok(['token', 'create', '--role', 'viewer']))?.[0] ?? '';
  viewer = ['--server', `http://${listen}`, '--token-file', fleet.write('viewer.token', token)];
  await fleet.ok(['apply', '-f', '-'], {
    stdin: `${execManifest('web', ['sleep', '1000'], spec)}---\n${FIRST}\n---\n${OVER}\n---\n${SLOW}`,
  });
  await fleet.ok(['apply', '-f', '-'], {
    stdin: `apiVersion: sac/v1\nkind: GitSource\nmetadata: {name: fleet}\nspec: {url: '${repo.url}', interval: 1h}\n`,
  });
  await fleet.ok(['wait', 'sourced', 'filed', 'web', 'first', '--for=create', '--for=condition=Ready']);
  await until('the source is ready', async () =>
    (await fleet.json(['get', 'source', 'fleet'])).status.conditions?.some(
      ({ type, status }: { type: string; status: string }) => type === 'Ready' && status === 'True',
    ),
  );
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  await forge[Symbol.asyncDispose]();
});

const pathsOf = (verbs: readonly Verb[], before = ''): readonly string[] =>
  verbs.flatMap(({ name, subverbs = [] }) => [`${before}${name}`, ...pathsOf(subverbs, `${before}${name} `)]);

/** Exit code; what goes to standard output is for a success, or for what was found so far. */
async function codeOf(path: string, { args, stdin, env }: Situation, globals: readonly string[] = []): Promise<number> {
  const filled = args.map((arg) => arg.replaceAll(/\{(dir|commit)\}/g, (_, key: string) => places[key] ?? ''));
  const { code, stderr } = await fleet.here([...globals, ...path.split(' '), ...filled], {
    ...(stdin !== undefined && { stdin }),
    ...(env !== undefined && { env }),
  });
  if (code === EXIT.usage || code === EXIT.notFound || code === EXIT.noController || code === EXIT.denied)
    expect(stderr, `sac ${path} ${args.join(' ')}`).toMatch(/\S/);
  expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
  return code;
}

/** Found before anything is loaded or asked. */
const unknownOption = (path: string): Promise<number> =>
  runProgram([...path.split(' '), '--no-such-option'], {
    verbs: VERBS,
    contextFor: () => {
      throw new Error('a usage error needs no context');
    },
    out: () => undefined,
    err: () => undefined,
    columns: 80,
  });

async function inTurns<T>(
  items: readonly T[],
  width: number,
  run: (item: T) => Promise<string>,
): Promise<readonly string[]> {
  const lines: string[] = new Array<string>(items.length).fill('');
  let next = 0;
  const work = async () => {
    for (let i = next++; i < items.length; i = next++) {
      const item = items[i];
      if (item !== undefined) lines[i] = await run(item);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return lines;
}

describe('exit codes', () => {
  it('know every verb, and no other', () => {
    expect(Object.keys(SITUATIONS).sort()).toEqual([...pathsOf(VERBS)].sort());
  });

  it('are those of the process', async () => {
    const said = [
      [...NOWHERE, 'get', 'agents'],
      ['get', 'agent', 'nobody'],
      ['get', '--no-such-option'],
      ['diff', '-f', `${fleet.dir}/files/good.yaml`],
      ['wait', 'slow', '--for=condition=Ready', '--timeout=0'],
      [...viewer, 'delete', 'agent', 'web'],
      ['get', 'agents'],
    ];
    const codes = new Set<number>();
    for (const args of said) {
      const [here, process] = [await fleet.here(args), await fleet.sac(args)];
      expect([args, process.code, process.stderr]).toEqual([args, here.code, here.stderr]);
      codes.add(process.code);
    }
    expect(codes.size).toBeGreaterThan(4);
  });

  it('are what they were', async () => {
    const verbs = Object.entries(SITUATIONS);
    const usual: Situation = { when: '', args: [] };
    const everywhere = await inTurns(verbs, WIDTH, async ([path, [first = usual]]) => {
      const lines = [`${path}: an option that does not exist: ${await unknownOption(path)}`];
      if (!ONLY_HERE.test(path)) {
        lines.push(`${path}: may only look: ${await codeOf(path, first, viewer)}`);
        lines.push(`${path}: no controller: ${await codeOf(path, first, NOWHERE)}`);
      }
      return lines.join('\n');
    });
    const own = async ([path, situations]: (typeof verbs)[number]) => {
      const lines: string[] = [];
      for (const situation of situations) lines.push(`${path}: ${situation.when}: ${await codeOf(path, situation)}`);
      return lines.join('\n');
    };
    const looking = await inTurns(
      verbs.filter(([path]) => LOOKING.has(path)),
      WIDTH,
      own,
    );
    const changing = await inTurns(
      verbs.filter(([path]) => !LOOKING.has(path) && path !== 'controller stop'),
      1,
      own,
    );
    const last = await inTurns(
      verbs.filter(([path]) => path === 'controller stop'),
      1,
      own,
    );
    const lines = [...everywhere, '', ...looking, '', ...changing, ...last];
    await golden('exit-codes.txt', `${lines.join('\n')}\n`);
  }, 300_000);
});

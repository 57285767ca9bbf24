/** Row 14: nothing that an agent, a name or a message says is obeyed by the terminal of the one who looks. A real terminal: script(1). */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../api/client.ts';
import { CLI, execManifest, Fleet, run, until } from '../harness.ts';
import { FAST } from './payloads.ts';

const ESC = '\u001b';
/** Each ends in a word that has to be seen: what is stripped is the escape, not the text behind it. */
const ATTACKS: readonly string[] = [
  `${ESC}]0;title${'\u0007'}`,
  `${ESC}]2;title${ESC}\\`,
  `${ESC}]52;c;Y2FuYXJ5${'\u0007'}`,
  `${ESC}]8;;http://evil.example${ESC}\\link${ESC}]8;;${ESC}\\`,
  `${ESC}]1337;File=inline=1:AAAA${'\u0007'}`,
  `${ESC}P1;1|17/616263${ESC}\\`,
  `${ESC}_Gf=100;AAAA${ESC}\\`,
  `${ESC}^private${ESC}\\`,
  `${ESC}Xstart of string${ESC}\\`,
  `${ESC}[2J${ESC}[H`,
  `${ESC}[1A${ESC}[2K`,
  `${ESC}[?1049h`,
  `${ESC}[?1000h`,
  `${ESC}[6n`,
  `${ESC}[c`,
  `${ESC}[>0q`,
  `${ESC}[21t`,
  `${ESC}[8m`,
  `${ESC}c`,
  `${ESC}(0`,
  `${ESC}#8`,
  '\u009b2J',
  '\u009d0;title\u009c',
  '\u0090q\u009c',
  'forged\u0008\u0008\u0008\u0008\u0008\u0008',
  'overwritten\r',
  '\u0007\u000e\u000f\u0005\u000b\u000c\u007f',
  '\u202egnp.exe\u202c',
  '\u2066x\u2069',
  // Cut off in the middle: what follows must not complete it.
  `${ESC}[`,
  `${ESC}`,
];
const evil = ATTACKS.map((attack, i) => `${attack} x seen-${i}-end`).join('\n');
/** What may not reach a terminal: all but text, line ends, tabs, and the colours that sac itself paints with. */
const OBEYED =
  /\u001b(?!\[(?:[012]|3[1236])m)|[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]|\r(?!\n)/;

let fleet: Fleet;
beforeAll(async () => {
  fleet = new Fleet({}, { calls: 'here' });
  await fleet.controller();
  // Printed as it is, by printf of the shell itself, so that nothing on the way cleans it.
  const print = ['sh', '-c', 'printf %s "$1"; sleep 1000', 'x', `${evil}\n`];
  await fleet.ok(['apply', '-f', '-', '--wait'], {
    stdin: execManifest('talker', print, { ...FAST, place: { runtime: 'process' } }),
  });
  const noted = JSON.parse(
    execManifest('noted', ['sleep', '1000'], {
      ...FAST,
      env: { V: evil },
      workspace: `/tmp/${evil.slice(0, 90).replaceAll('\n', ' ')}`,
      suspend: true,
    }),
  );
  noted.metadata.annotations = { note: evil, [evil]: 'key' };
  await fleet.ok(['apply', '-f', '-'], { stdin: JSON.stringify(noted) });
  // Events whose text others chose: who asked for a restart, and what a hook said as it failed.
  const client = createClient({ socket: join(fleet.home, 'sac.sock') });
  await client.restart('talker', { by: `${ATTACKS[2]}${ATTACKS[10]}someone` });
  await fleet.ok(['apply', '-f', '-'], {
    stdin: execManifest('hooked', ['sleep', '1000'], {
      ...FAST,
      hooks: { preStop: [`printf '${ESC}]0;x\\007\\033[2J hook-said' >&2; exit 3`] },
    }),
  });
  await until('hooked runs', async () => (await client.get('agents', 'hooked')).status.ready);
  await client.remove('hooked');
  await until('the hook has failed', async () =>
    (await client.list('events')).items.some(({ reason }) => reason === 'HookFailed'),
  );
  await until('talker has talked', async () =>
    (await fleet.here(['logs', 'talker'])).stdout.includes(`seen-${ATTACKS.length - 1}-end`),
  );
});
afterAll(() => fleet[Symbol.asyncDispose]());

/** What a terminal gets to see of `sac ...`: script(1) runs it on a terminal of its own. */
async function onTerminal(args: readonly string[], stdin?: string): Promise<string> {
  const line = [process.execPath, CLI, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const file = fleet.write('stdin', stdin ?? '');
  const { stdout } = await run(
    'script',
    ['-qec', `${line} < ${stdin === undefined ? '/dev/null' : file}`, '/dev/null'],
    { env: { ...fleet.env, FORCE_COLOR: '1' }, cwd: fleet.dir },
  );
  return stdout;
}
const offence = (text: string): string | undefined => {
  const at = text.search(OBEYED);
  return at < 0 ? undefined : JSON.stringify(text.slice(Math.max(0, at - 30), at + 30));
};

it('the oracle knows a bad text from a good one', () => {
  for (const attack of ATTACKS) expect([attack, offence(`${attack} x`) !== undefined]).toEqual([attack, true]);
  expect(offence(`${ESC}[31mred${ESC}[0m\r\n\tüñí 漢字 😀`)).toBeUndefined();
});

describe('on a terminal', () => {
  it('logs show every word, and obey nothing', async () => {
    const shown = await onTerminal(['logs', 'talker']);
    expect(offence(shown)).toBeUndefined();
    for (let i = 0; i < ATTACKS.length; i++) expect(shown).toContain(`seen-${i}-end`);
  });

  it.each([
    [['get', 'agents', '-o', 'wide', '--show-labels']],
    [['get', 'agents', '-o', 'yaml']],
    [['get', 'agents', '-o', 'json']],
    [['get', 'agent', 'noted', '-o', 'jsonpath={.metadata.annotations}']],
    [['get', 'agent', 'noted', '-o', 'jsonpath={.spec.env.V}']],
    [['get', 'agents', '-o', 'custom-columns=NAME:.metadata.name,NOTE:.metadata.annotations.note']],
    [['get', 'events']],
    [['get', 'events', '-o', 'yaml']],
    [['get', 'instances', '-o', 'yaml']],
    [['describe', 'agent', 'noted', 'talker']],
    [['events']],
    [['status']],
    [['inspect', 'talker']],
    [['logs', '-l', 'nothing', '--tail', '5']],
    [['logs', 'talker', '--previous']],
    [['controller', 'status']],
  ])('sac %j', async (args) => {
    const shown = await onTerminal(args);
    expect(shown.length).toBeGreaterThan(3);
    expect(offence(shown)).toBeUndefined();
  });

  it('what is wrong is said without what is wrong with it', async () => {
    const bad = `${ATTACKS[2]}${ATTACKS[9]}${ATTACKS[21]}x`;
    for (const args of [
      ['get', 'agent', bad],
      ['logs', bad],
      ['delete', 'agent', bad],
      ['explain', `agent.${bad}`],
      ['apply', '-f', `/nowhere/${bad}`],
      ['get', bad],
      ['get', 'agents', '-o', bad],
      ['get', 'agents', '-l', bad],
      ['get', 'agents', '--field-selector', bad],
      ['--context', bad, 'get', 'agents'],
      ['--socket', `/tmp/${bad}`, 'get', 'agents'],
      ['--server', bad, 'get', 'agents'],
      [bad],
      [`--${bad}`],
      ['scale', 'noted', '--replicas', bad],
      ['wait', 'agent/noted', '--for', bad],
    ]) {
      const shown = await onTerminal(args);
      expect([args, offence(shown)]).toEqual([args, undefined]);
      expect(shown.length).toBeGreaterThan(3);
    }
  });

  it('manifests that are wrong, and what would change', async () => {
    const wrong = JSON.stringify({
      apiVersion: evil,
      kind: evil,
      metadata: { name: evil, labels: { [evil]: evil } },
      spec: { profile: evil, [evil]: 1 },
    });
    for (const verb of ['validate', 'apply', 'diff'])
      expect([verb, offence(await onTerminal([verb, '-f', '-'], wrong))]).toEqual([verb, undefined]);
    const yaml = `apiVersion: sac/v1\nkind: "Age${ESC}]0;x${'\u0007'}nt"\n*${ESC}[2J: x\n`;
    expect(offence(await onTerminal(['validate', '-f', '-'], yaml))).toBeUndefined();
    const changed = JSON.parse(
      execManifest('noted', ['sleep', '1000'], { workspace: `/tmp/${evil.slice(100, 190).replaceAll('\n', ' ')}` }),
    );
    changed.metadata.annotations = { note: `${evil}${evil}` };
    const diff = await onTerminal(['diff', '-f', '-'], JSON.stringify(changed));
    expect(diff).toContain('live/agent/noted');
    expect(offence(diff)).toBeUndefined();
  });
});

describe('in a pipe', () => {
  it('values stay what they are: JSON and YAML give back every byte', async () => {
    expect((await fleet.json(['get', 'agent', 'noted'])).spec.env.V).toBe(evil);
    const { parse } = await import('yaml');
    expect(parse(await fleet.ok(['get', 'agent', 'noted', '-o', 'yaml'])).spec.env.V).toBe(evil);
  });
  it.each([
    [['logs', 'talker']],
    [['describe', 'agent', 'noted', 'talker']],
    [['get', 'agents', '-o', 'wide']],
    [['events']],
    [['get', 'agents', '-o', 'json']],
  ])('sac %j obeys nothing either, for it may be read later on a terminal', async (args) => {
    expect(offence(await fleet.ok(args))).toBeUndefined();
  });
});

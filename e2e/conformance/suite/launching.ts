/**
 * Owns: what reaches an agent of its launch in every runtime: arguments, environment, hooks.
 * Never: knows how a runtime does it.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { until } from '../../harness.ts';
import { processes, readOf } from '../../processes.ts';
import { PAYLOADS, toWellFormed } from './payloads.ts';
import type { Stage } from './stage.ts';

export function launchingTests(on: Stage): void {
  const { fresh, idOf, launch, ended, lines, dir } = on;

  it('passes environment and arguments byte for byte, and shows no secret', async () => {
    const { context, runtime } = fresh();
    const dump = join(dir, 'dump.json');
    const tool = join(dir, 'dump.mjs');
    writeFileSync(
      tool,
      `import { renameSync, writeFileSync } from 'node:fs'; writeFileSync(process.argv[2] + '.tmp', JSON.stringify({ argv: process.argv.slice(3), env: process.env, cwd: process.cwd() })); renameSync(process.argv[2] + '.tmp', process.argv[2]); setTimeout(() => {}, 1e8);`,
    );
    const nasty = [
      ...PAYLOADS,
      ...fc.sample(
        fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !text.includes('\0')),
        { numRuns: 150, seed: 7 },
      ),
    ];
    const secret = `canary-${context.fleet}`;
    const env = Object.fromEntries(nasty.map((value, i) => [`V${i}`, value]));
    const cwd = join(dir, "a 'quoted' $(dir) é");
    writeFileSync(join(dir, 'x.env'), `# comment\nexport FROM_FILE="a b"\nLITERAL=$(touch ${join(dir, 'canary')})\n`);
    await runtime.start(
      on.transport,
      launch(context, [process.execPath, tool, dump, ...nasty], {
        env: { ...env, TOKEN: secret },
        cwd,
        envFiles: [join(dir, 'x.env')],
      }),
    );
    await until('the dump', () => existsSync(dump));
    const seen = JSON.parse(readFileSync(dump, 'utf8'));
    expect(seen.argv).toEqual(nasty.map(toWellFormed));
    for (const [key, value] of Object.entries(env)) expect(seen.env[key]).toBe(toWellFormed(value));
    expect(seen.cwd).toBe(cwd);
    expect(seen.env.FROM_FILE).toBe('a b');
    expect(seen.env.LITERAL).toBe(`$(touch ${join(dir, 'canary')})`);
    expect(existsSync(join(dir, 'canary'))).toBe(false);
    const commandLines = processes().map((pid) => readOf(pid, 'cmdline'));
    expect(commandLines.some((line) => line.includes(secret))).toBe(false);
  });

  it('runs preStart before, and a failing one ends the start with its code', async () => {
    const { context, runtime } = fresh();
    const order = join(dir, 'order');
    await runtime.start(
      on.transport,
      launch(context, ['sh', '-c', `echo agent >> ${order}; sleep 1000`], {
        preStart: [`echo pre >> ${order}`],
        postStart: [`echo post > ${order}.post`],
      }),
    );
    await until(
      'all three',
      () => existsSync(order) && readFileSync(order, 'utf8') === 'pre\nagent\n' && existsSync(`${order}.post`),
    );
    await runtime.start(on.transport, launch(context, ['sleep', '1000'], { agent: 'bad', preStart: ['exit 9'] }));
    expect((await ended(runtime, idOf(context, 'bad'))).exit).toMatchObject({ code: 9 });
    expect(await lines(runtime, idOf(context, 'bad'))).toContain('preStart hook failed with code 9');
  });
}

/** Names, types and labels of metrics; what promtool says of them; how many series an agent costs. */
import { execFileSync } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';
import { golden } from './golden.ts';

const MORE = 10;
const MAX_SERIES_AN_AGENT = 60;
let fleet: Fleet;
beforeAll(async () => {
  fleet = new Fleet({}, { calls: 'here' });
  await fleet.controller();
  await applyAgents(['web']);
  // Nothing can be fetched from there: its metrics are there all the same.
  await fleet.ok(['apply', '-f', '-'], {
    stdin: `apiVersion: sac/v1\nkind: GitSource\nmetadata: {name: fleet}\nspec: {url: 'https://127.0.0.1:1/no.git', interval: 1h}\n`,
  });
  await until('its first sync', async () => /^sac_source_syncs_total\{.*\} 1$/m.test(await scrape()));
});
afterAll(() => fleet[Symbol.asyncDispose]());

const applyAgents = (names: readonly string[]): Promise<string> =>
  fleet.ok(['apply', '-f', '-', '--wait'], {
    stdin: names
      .map((name) =>
        execManifest(name, ['sleep', '1000'], { startup: { minReadySeconds: 0 }, place: { runtime: 'process' } }),
      )
      .join('---\n'),
  });

const scrape = (): Promise<string> =>
  new Promise((done, fail) => {
    request({ socketPath: join(fleet.home, 'sac.sock'), path: '/metrics' }, async (response) => {
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      done(text);
    })
      .on('error', fail)
      .end();
  });

const seriesOf = (text: string): readonly string[] => text.split('\n').filter((line) => /^[a-z]/.test(line));

/** `name type {labels}`, one line a metric. What Node's runtime tells of itself is named, its labels' values are not. */
function shapeOf(text: string): string {
  const shapes = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => {
    const labels = new Set<string>();
    for (const line of seriesOf(text)) {
      const [, metric = '', inside = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? /.exec(line) ?? [];
      if (metric === name || (type === 'histogram' && metric.replace(/_(?:bucket|sum|count)$/, '') === name))
        for (const [, label = ''] of inside.matchAll(/(\w+)="/g)) labels.add(label);
    }
    const help = new RegExp(`^# HELP ${name} (.*)$`, 'm').exec(text)?.[1];
    // Which of Node's own labels occur depends on the moment.
    const shown = name.startsWith('nodejs_') ? '' : ` {${[...labels].sort().join(',')}}`;
    return `${name} ${type}${shown} ${help}`;
  });
  return `${shapes.sort().join('\n')}\n`;
}

it('have the names, types, labels and help they had', async () => {
  await golden('metrics.txt', shapeOf(await scrape()));
});

it('are as promtool wants them', async () => {
  const told = execFileSync('promtool', ['check', 'metrics'], {
    input: await scrape(),
    encoding: 'utf8',
    stdio: 'pipe',
  });
  expect(told).toBe('');
});

it('are few for each agent', async () => {
  const before = seriesOf(await scrape()).length;
  await applyAgents(['web', ...Array.from({ length: MORE }, (_, i) => `more${i}`)]);
  const after = seriesOf(await scrape()).length;
  expect(after).toBeGreaterThan(before);
  expect((after - before) / MORE).toBeLessThanOrEqual(MAX_SERIES_AN_AGENT);
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { execManifest, Fleet, run, until } from '../harness.ts';
import { MONITORING, Prometheus } from './prometheus.ts';

const promtool = (args: readonly string[], stdin = '') =>
  run('promtool', args, { env: { PATH: process.env['PATH'] ?? '/usr/bin' }, cwd: MONITORING, stdin });

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string }[];
}
const dashboard: {
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
  readonly templating: { readonly list: readonly { readonly query: string | { readonly query: string } }[] };
} = JSON.parse(readFileSync(join(MONITORING, 'dashboard.json'), 'utf8'));
const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));
/** As Grafana fills it in. */
const filled = (expr: string) => expr.replaceAll('$__rate_interval', '10s').replaceAll('$agent', '.*');

/** They show what is wrong, or what only agents with a CLI tell; a fleet of plain commands that is well has none of it. */
const MAY_BE_EMPTY = new Set([
  'Blocked agents',
  'Tokens per minute',
  'Tokens per minute, by agent',
  'Cost per hour (estimate)',
  'Context used',
  'Quota used',
  'Since the last tool call',
  'Budgets used',
  'Agents held by budgets',
  'Notices',
  'Sources ready',
  'Sources drifted',
  'Sync duration, 95 %',
]);

describe('the shipped rules', () => {
  it.each([
    ['check', 'config', 'prometheus.yml'],
    ['check', 'rules', 'alerts.yml'],
    ['test', 'rules', 'alerts.test.yml'],
  ])('promtool %s %s %s', async (...args) => {
    const { code, stdout, stderr } = await promtool(args);
    expect(`${stdout}${stderr}`).toContain('SUCCESS');
    expect(code).toBe(0);
  });
});

describe('a Prometheus that scrapes a controller with agents', () => {
  let fleet: Fleet;
  let prometheus: Prometheus;
  let address: string;

  beforeAll(async () => {
    fleet = new Fleet();
    await fleet.controller(['--listen', '127.0.0.1:0', '--agents-dir', fleet.agentsDir]);
    address = (await fleet.json(['controller', 'status'])).listen;
    for (const name of ['one', 'two'])
      fleet.write(`${name}.yaml`, execManifest(name, ['sleep', '600'], { place: { runtime: 'process' } }));
    fleet.write(
      'odd.yaml',
      execManifest('odd', ['false'], { restart: { policy: 'never' }, place: { runtime: 'process' } }),
    );
    await fleet.ok(['apply', '-f', 'one.yaml', '-f', 'two.yaml', '-f', 'odd.yaml']);
    await fleet.ok(['wait', 'agents/one', 'agents/two', '--for', 'condition=Ready', '--timeout', '30s']);
    prometheus = await Prometheus.start(address.replace(/^https?:\/\//, ''));
    await until(
      'it was scraped a few times',
      async () => (await prometheus.query('count_over_time(sac_agent_ready{agent="one"}[1m]) > 3')).length > 0,
    );
  });
  afterAll(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    await fleet?.[Symbol.asyncDispose]();
  });

  it('promtool finds nothing wrong with the metrics', async () => {
    const { code, stdout, stderr } = await promtool(['check', 'metrics'], await fleetMetrics(address));
    expect([code, stdout, stderr]).toEqual([0, '', '']);
  });

  it('has every metric of every query of the dashboard and the rules', async () => {
    const text = await fleetMetrics(address);
    const declared = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    const rules = readFileSync(join(MONITORING, 'alerts.yml'), 'utf8');
    const asked = [...queries.map(({ expr }) => expr), rules].flatMap((expr) =>
      [...expr.matchAll(/\b(?:sac|workqueue|controller_runtime|process)_[a-z_]+\b/g)].map(([name]) => name),
    );
    const missing = [...new Set(asked)].filter(
      (name) => !declared.has(name) && !declared.has(name.replace(/_bucket$/, '')),
    );
    expect(missing).toEqual([]);
  });

  it.each(queries)('the dashboard: $title: $expr', async ({ title, expr }) => {
    const found = await until('samples', async () => {
      const samples = await prometheus.query(filled(expr));
      return samples.length > 0 || MAY_BE_EMPTY.has(title) ? samples : undefined;
    });
    expect(Array.isArray(found)).toBe(true);
  });

  it('the other queries of the dashboard', async () => {
    for (const { expr } of dashboard.annotations.list) await prometheus.query(filled(expr));
    const variables = dashboard.templating.list.flatMap(({ query }) =>
      typeof query === 'string' ? [] : [query.query],
    );
    expect(variables.length).toBeGreaterThan(0);
    for (const variable of variables) {
      const [, series = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(variable) ?? [];
      expect(await prometheus.query(`count by (${label}) (${series})`)).toHaveLength(3);
    }
  });

  it('loads the rules, and the agent that failed is pending in one', async () => {
    const pending = await until('an alert', async () => {
      const alerts = await prometheus.query('ALERTS{alertname="SacAgentFailed",agent="odd"}');
      return alerts.length > 0 ? alerts : undefined;
    });
    expect(pending).toHaveLength(1);
  });
});

const fleetMetrics = async (address: string): Promise<string> =>
  (await fetch(`${address.includes('://') ? address : `http://${address}`}/metrics`)).text();

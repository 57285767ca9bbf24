/**
 * Owns: `sac top`: what agents and hosts use, once or live.
 * Never: asks faster than it shows, or leaves the terminal other than it was.
 */
import type { Client } from '../../../api/client.ts';
import type { UsageReport } from '../../../api/protocol.ts';
import { BadRequestError, EXIT, NotFoundError } from '../../../api/resources/errors.ts';
import { parseResources } from '../../client/resources.ts';
import { parseDuration } from '../../durations.ts';
import { tellProblems } from '../../manifest-files.ts';
import { escapeControls, oneLine, paint, stripControls } from '../../output/terminal.ts';
import { type Context, flag, type Options, type Run, text } from '../../verb.ts';
import { agentRows, hostRows, instanceRows, SORT_KEYS, type SortKey, sorted } from './top-rows.ts';
import { agentTable, headline, hostTable } from './top-table.ts';

const ONCE_MS = 1_000;
const INTERVAL_MS = 2_000;
const SHORTEST_MS = 500;
/** Another screen, no cursor; and back. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const TO_END_OF_LINE = '\u001b[K';
const TO_END = '\u001b[J';

type What = 'agents' | 'instances' | 'hosts';
interface Asked {
  readonly what: What;
  readonly names: readonly string[];
  readonly key: SortKey;
  readonly labelSelector: string | undefined;
}

export const run: Run = async (args, options, context) => {
  const format = text(options, 'output') ?? 'table';
  if (format !== 'table' && format !== 'json' && format !== 'yaml')
    throw new BadRequestError(`-o ${format}: only json and yaml are known here`);
  const asked = { ...whatOf(args), key: keyOf(options), labelSelector: text(options, 'selector') };
  const interval = text(options, 'interval');
  const intervalMs = interval === undefined ? INTERVAL_MS : parseDuration(interval, '--interval');
  if (intervalMs < SHORTEST_MS) throw new BadRequestError(`--interval ${interval}: at least ${SHORTEST_MS}ms`);
  const client = await context.client();
  if (format !== 'table' || flag(options, 'once') || !context.out.isTerminal)
    return once(client, asked, format, context);
  return live(client, asked, intervalMs, context);
};

function whatOf(args: readonly string[]): Pick<Asked, 'what' | 'names'> {
  const [{ plural, names } = { plural: 'agents', names: [] }, ...more] = parseResources(args, 'agents');
  if (more.length > 0 || (plural !== 'agents' && plural !== 'instances' && plural !== 'hosts'))
    throw new BadRequestError(`only agents, instances or hosts can be looked at, not ${more[0]?.plural ?? plural}`);
  return { what: plural, names };
}

function keyOf(options: Options): SortKey {
  const asked = text(options, 'sortBy') ?? 'cpu';
  const known = SORT_KEYS.find((key) => key === asked);
  if (!known) throw new BadRequestError(`--sort-by ${asked}: use one of ${SORT_KEYS.join(', ')}`);
  return known;
}

async function once(client: Client, asked: Asked, format: 'table' | 'json' | 'yaml', context: Context) {
  const before = await ask(client, asked);
  await pause(ONCE_MS, context.signal);
  const now = await ask(client, asked);
  const view = viewOf(asked, before, now);
  const missing = asked.names.filter((name) => !view.rows.some((row) => row.name === name));
  if (missing.length > 0)
    throw new NotFoundError(
      `${asked.what} not found: ${missing.join(', ')}; \`sac get ${asked.what}\` lists what there is`,
    );
  const list = { apiVersion: 'sac/v1', kind: 'UsageList', items: view.rows };
  switch (format) {
    case 'json':
      context.out.write(`${escapeControls(JSON.stringify(list, undefined, 2))}\n`);
      break;
    case 'yaml': {
      const { toYaml } = await import('../../output/yaml.ts');
      context.out.write(stripControls(toYaml(list)));
      break;
    }
    case 'table':
      if (view.rows.length === 0) context.err.write(`No ${asked.what} found.\n`);
      else context.out.write(view.table);
  }
  tellProblems(context, view.problems);
  return EXIT.done;
}

async function live(client: Client, asked: Asked, intervalMs: number, { out, signal }: Context): Promise<number> {
  // Whoever interrupts ends the process in the next moment: the terminal is given back within this one.
  const leave = () => out.write(LEAVE);
  signal.addEventListener('abort', leave, { once: true });
  out.write(ENTER);
  try {
    let before: UsageReport | undefined;
    let last: UsageReport | undefined;
    while (!signal.aborted) {
      const now = await ask(client, asked);
      // What is written now would land on the screen that was given back.
      if (signal.aborted) break;
      // The same look again has no rate: what was shown stays the beginning of the next difference.
      if (last !== undefined) before = last;
      last = now;
      const { table, problems, rows } = viewOf(asked, before, now);
      const all = { agents: agentRows(before, now), hosts: hostRows(before, now) };
      const [header = '', ...lines] = (rows.length === 0 ? `No ${asked.what} found.\n` : table).trimEnd().split('\n');
      out.write(
        frame(
          [headline(all.agents, all.hosts), '', header, ...lines, ...problems.map(oneLine)],
          { columns: out.columns, rows: out.rows, heads: 3 },
          (line) => paint(out.colour, 'bold', line),
        ),
      );
      await pause(before === undefined ? Math.min(intervalMs, ONCE_MS) : intervalMs, signal);
    }
    return EXIT.done;
  } finally {
    signal.removeEventListener('abort', leave);
    if (!signal.aborted) leave();
  }
}

/** As many lines as there is room for, none longer than the terminal is wide. */
function frame(
  lines: readonly string[],
  { columns, rows, heads }: { readonly columns: number; readonly rows: number; readonly heads: number },
  head: (line: string) => string,
): string {
  const room = Math.max(heads + 1, rows);
  const left = lines.length - (room - 1);
  const fitting = lines.length <= room ? lines : [...lines.slice(0, room - 1), `... ${left} more`];
  return `${HOME}${fitting
    .map((line) => line.slice(0, columns))
    .map((line, at) => `${at < heads ? head(line) : line}${TO_END_OF_LINE}`)
    .join('\n')}${TO_END}`;
}

const ask = (client: Client, { labelSelector }: Asked): Promise<UsageReport> =>
  client.usage(labelSelector === undefined ? {} : { labelSelector });

function viewOf({ what, names, key }: Asked, before: UsageReport | undefined, now: UsageReport) {
  const problems = now.hosts.flatMap(({ name, problem }) =>
    problem === undefined ? [] : [`host ${name} could not be looked at: ${problem}`],
  );
  const meant = ({ name }: { readonly name: string }) => names.length === 0 || names.includes(name);
  if (what === 'hosts') {
    const rows = sorted(hostRows(before, now).filter(meant), key);
    return { rows, problems, table: hostTable(rows) };
  }
  const rows = sorted((what === 'agents' ? agentRows : instanceRows)(before, now).filter(meant), key);
  return { rows, problems, table: agentTable(rows) };
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((wake) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      wake();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });

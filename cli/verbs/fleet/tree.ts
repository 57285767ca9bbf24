/**
 * Owns: `sac tree`: where each agent comes from and where it lives: source, agent, instance, place.
 * Never: changes anything, or hides what has no agents: a source that brought none is shown too.
 */

import type { Client } from '../../../api/client.ts';
import type { Agent } from '../../../api/resources/agent/agent.ts';
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { age } from '../../../api/tables/age.ts';
import { parseResources } from '../../client/resources.ts';
import { table } from '../../output/table.ts';
import { escapeControls, stripControls } from '../../output/terminal.ts';
import { type TreeNode, treeRows } from '../../output/tree-lines.ts';
import { type Run, text } from '../../verb.ts';
import { type PlaceBranch, type SourceBranch, sourceTree } from './source-tree.ts';

export const run: Run = async (args, options, context) => {
  const format = text(options, 'output') ?? 'tree';
  if (format !== 'tree' && format !== 'json' && format !== 'yaml')
    throw new BadRequestError(`-o ${format}: only json and yaml are known here`);
  const client = await context.client();
  const sources = await readTree(client, args, text(options, 'selector'));
  if (format === 'tree') {
    if (sources.length === 0) context.err.write('No agents found.\n');
    else context.out.write(draw(sources, Date.now()));
    return EXIT.done;
  }
  const tree = { apiVersion: 'sac/v1', kind: 'Tree', items: sources };
  if (format === 'json') context.out.write(`${escapeControls(JSON.stringify(tree, undefined, 2))}\n`);
  else {
    const { toYaml } = await import('../../output/yaml.ts');
    context.out.write(stripControls(toYaml(tree)));
  }
  return EXIT.done;
};

async function readTree(
  client: Client,
  words: readonly string[],
  labelSelector: string | undefined,
): Promise<readonly SourceBranch[]> {
  const named = words.length === 0 ? undefined : parseResources(words, 'agents');
  if (named && labelSelector !== undefined) throw new BadRequestError('names and -l exclude each other');
  const agentNames: string[] = [];
  const sourceNames: string[] = [];
  for (const { plural, names } of named ?? []) {
    if (plural === 'agents') agentNames.push(...names);
    else if (plural === 'gitsources') sourceNames.push(...names);
    else throw new BadRequestError(`only agents and git sources have a tree, not ${plural}`);
  }
  // `tree agents`: all of them. A type named without names means every one of it.
  const allAgents = named === undefined || named.some(({ plural, names }) => plural === 'agents' && names.length === 0);
  const allSources = named?.some(({ plural, names }) => plural === 'gitsources' && names.length === 0) === true;
  const everyAgent = allAgents || allSources || sourceNames.length > 0;
  const [agents, declared, hosts] = await Promise.all([
    everyAgent
      ? client.list('agents', labelSelector === undefined ? {} : { labelSelector }).then(({ items }) => items)
      : Promise.all(agentNames.map((name) => client.get('agents', name))),
    client.list('gitsources').then(({ items }) => items),
    client.list('hosts').then(({ items }) => items),
    // So that a source that is not there is an error, as everywhere.
    ...sourceNames.map((name) => client.get('gitsources', name)),
  ]);
  const wanted = ({ metadata }: Agent): boolean => {
    const { source, name } = metadata;
    if (allAgents || agentNames.includes(name)) return true;
    return source?.kind === 'git' && (allSources || sourceNames.includes(source.name));
  };
  const shown = (name: string): boolean =>
    labelSelector === undefined && (named === undefined || allSources || sourceNames.includes(name));
  return sourceTree(agents.filter(wanted), declared, hosts, shown);
}

const HEADERS = ['NAME', 'READY', 'STATUS', 'AGE'];
const NOTHING = '-';
const yesNo = (ready: boolean | undefined): string => (ready === undefined ? NOTHING : ready ? 'True' : 'False');

function draw(sources: readonly SourceBranch[], now: number): string {
  const since = (iso: string | undefined): string => (iso === undefined ? NOTHING : age(iso, now));
  const nodes = sources.map(
    (branch): TreeNode => ({
      name: sourceName(branch.source),
      cells: [yesNo(branch.ready), sourceState(branch), NOTHING],
      children: branch.agents.map(
        (agent): TreeNode => ({
          name: `agent/${agent.name}`,
          cells: [`${agent.readyInstances}/${agent.desiredInstances}`, agent.state, since(agent.creationTimestamp)],
          children: agent.instances.map(
            ({ name, ready, phase, startedAt, place }): TreeNode => ({
              name: `instance/${name}`,
              cells: [yesNo(ready), phase, since(startedAt)],
              children: place
                ? [
                    {
                      name: `${place.host}/${place.runtime}`,
                      cells: [yesNo(place.ready), placeState(place), NOTHING],
                      children: [],
                    },
                  ]
                : [],
            }),
          ),
        }),
      ),
    }),
  );
  return table(HEADERS, treeRows(nodes));
}

function sourceName({ kind, name }: SourceBranch['source']): string {
  switch (kind) {
    case 'git':
      return `source/${name}`;
    case 'directory':
    case 'apply':
      return `${kind} ${name}`;
    case 'none':
      return '<no source>';
  }
}

const sourceState = ({ phase, source: { revision } }: SourceBranch): string =>
  [phase, revision?.slice(0, 12)].filter((part) => part !== undefined).join(' ') || NOTHING;

const placeState = ({ session, pid }: PlaceBranch): string =>
  [session, pid === undefined ? undefined : `pid ${pid}`].filter((part) => part !== undefined).join(', ') || NOTHING;

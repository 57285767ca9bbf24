/**
 * Owns: `sac rollout history`.
 * Never: shows values of env in the table: they may be secrets.
 */

import type { RevisionInfo } from '../../../api/protocol.ts';
import { BadRequestError, EXIT, NotFoundError } from '../../../api/resources/errors.ts';
import { age } from '../../../api/tables/age.ts';
import { agentNames } from '../../client/resources.ts';
import { table } from '../../output/table.ts';
import { stripControls } from '../../output/terminal.ts';
import { toYaml } from '../../output/yaml.ts';
import { type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const [name, ...more] = agentNames(args);
  if (name === undefined || more.length > 0) throw new BadRequestError('name one agent');
  const client = await context.client();
  const all = await client.revisions(name);
  const asked = text(options, 'revision');
  const shown = asked === undefined ? all : all.filter(({ revision }) => String(revision) === asked);
  if (shown.length === 0)
    throw new NotFoundError(
      `agent "${name}" has no revision ${asked}; it has: ${all.map(({ revision }) => revision).join(', ')}`,
    );
  const format = text(options, 'output') ?? (asked === undefined ? 'table' : 'yaml');
  context.out.write(render(asked === undefined ? shown : shown[0], shown, format));
  return EXIT.done;
};

function render(value: unknown, rows: readonly RevisionInfo[], format: string): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(value, null, 2)}\n`;
    case 'yaml':
      return stripControls(toYaml(value));
    case 'table':
      return table(
        ['REVISION', 'AGE', 'BY', 'SOURCE', 'COMMIT', 'CAUSE', 'INSTANCES'],
        rows.map(({ revision, at, by, source, cause, instances }) => [
          String(revision),
          age(at, Date.now()),
          by,
          source.path === undefined ? `${source.kind} ${source.name}` : `${source.kind} ${source.name}/${source.path}`,
          source.revision?.slice(0, 12) ?? '<none>',
          cause,
          String(instances),
        ]),
      );
    default:
      throw new BadRequestError(`-o ${format}: only json and yaml are known here`);
  }
}

/**
 * Owns: `sac convert`: older manifests as sac/v1, and back.
 * Never: drops a field in silence.
 */
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { convertBack } from '../../../api/versions/convert.ts';
import { readFiles, tellProblems, tellWarnings } from '../../manifest-files.ts';
import { oneLine, paint } from '../../output/terminal.ts';
import { toYaml } from '../../output/yaml.ts';
import { type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const to = text(options, 'to') ?? 'sac/v1';
  if (to !== 'sac/v1' && to !== 'original') throw new BadRequestError(`--to "${to}" is not sac/v1 or original`);
  const output = text(options, 'output') ?? 'yaml';
  if (output !== 'yaml' && output !== 'json') throw new BadRequestError(`-o "${output}" is not yaml or json`);
  const { documents, problems } = await readFiles(options, context, args);
  tellProblems(context, problems);
  if (to === 'sac/v1') tellWarnings(context, documents);
  const { err } = context;
  const converted = documents.map(({ manifest, origin }): unknown => {
    if (to === 'sac/v1') return manifest;
    const { document, lost } = convertBack(manifest);
    for (const field of lost)
      err.write(
        `${paint(err.colour, 'yellow', 'warning:')} ${oneLine(`${origin} ${field}: the older version cannot say this; it is left out`)}\n`,
      );
    return document;
  });
  if (converted.length > 0)
    context.out.write(output === 'json' ? asJson(converted) : converted.map(toYaml).join('---\n'));
  return problems.length > 0 ? EXIT.usage : EXIT.done;
};

const asJson = (documents: readonly unknown[]): string =>
  `${JSON.stringify(documents.length === 1 ? documents[0] : documents, undefined, 2)}\n`;

/**
 * Owns: `sac convert`: older manifests as sac/v1, and back.
 * Never: drops a field in silence.
 */
import { stringify } from 'yaml';
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { convertBack } from '../../../api/versions/convert.ts';
import { readFiles, tellProblems, tellWarnings } from '../../manifest-files.ts';
import { oneLine } from '../../output/terminal.ts';
import { type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const to = text(options, 'to') ?? 'sac/v1';
  if (to !== 'sac/v1' && to !== 'original') throw new BadRequestError(`--to "${to}" is not sac/v1 or original`);
  const output = text(options, 'output') ?? 'yaml';
  if (output !== 'yaml' && output !== 'json') throw new BadRequestError(`-o "${output}" is not yaml or json`);
  const { documents, problems } = await readFiles(options, context, args);
  tellProblems(context, problems);
  const converted = documents.map(({ manifest, origin }) => {
    if (to === 'sac/v1') return manifest;
    const { document, lost } = convertBack(manifest);
    for (const field of lost) context.err.write(`warning: ${oneLine(`${origin} ${field}`)}\n`);
    return document;
  });
  if (to === 'sac/v1') tellWarnings(context, documents);
  if (output === 'json')
    context.out.write(`${JSON.stringify(converted.length === 1 ? converted[0] : converted, undefined, 2)}\n`);
  else context.out.write(converted.map((document) => stringify(document, { lineWidth: 0 })).join('---\n'));
  return problems.length > 0 ? EXIT.usage : EXIT.done;
};

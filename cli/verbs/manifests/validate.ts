/**
 * Owns: `sac validate`: manifests checked without a controller.
 * Never: changes anything.
 */
import { EXIT } from '../../../api/resources/errors.ts';
import { labelOf } from '../../client/resources.ts';
import { readFiles, tellProblems, tellWarnings } from '../../manifest-files.ts';
import { oneLine } from '../../output/terminal.ts';
import type { Run } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const { documents, objects, problems } = await readFiles(options, context, args);
  tellWarnings(context, documents);
  context.out.write(
    [...objects, ...documents].map((document) => `${oneLine(document.file)}: ${labelOf(document)} valid\n`).join(''),
  );
  tellProblems(context, problems);
  return problems.length > 0 ? EXIT.usage : EXIT.done;
};

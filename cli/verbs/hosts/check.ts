/**
 * Owns: `sac host check`.
 * Never: installs anything.
 */
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { parseResources } from '../../client/resources.ts';
import { escapeControls, oneLine } from '../../output/terminal.ts';
import { type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const [name, ...more] = parseResources(args, 'hosts').flatMap((named) => named.names);
  if (name === undefined || more.length > 0) throw new BadRequestError('name one host: `sac host check NAME`');
  const format = text(options, 'output');
  if (format !== undefined && format !== 'json') throw new BadRequestError(`-o "${format}" is not json`);
  const client = await context.client();
  const found = await client.checkHost(name);
  if (format === 'json') context.out.write(`${escapeControls(JSON.stringify(found, undefined, 2))}\n`);
  else {
    const { system, cpus, programs, latencyMs, missing } = found;
    context.out.write(
      [
        `host/${name}: ${system}, ${cpus} CPUs, ${Math.round(latencyMs)} ms away\n`,
        ...Object.entries(programs).map(([program, version]) => `  ${program.padEnd(10)} ${oneLine(version)}\n`),
        ...missing.map((problem) => `  MISSING: ${oneLine(problem)}\n`),
      ].join(''),
    );
  }
  return found.missing.length === 0 ? EXIT.done : EXIT.failed;
};

/**
 * Owns: `sac explain`.
 * Never: needs a controller.
 */
import { EXIT } from '../../../api/resources/errors.ts';
import { explain } from '../../../api/resources/schema.ts';
import { flag, type Run } from '../../verb.ts';

export const run: Run = async ([path = 'agent'], options, { out }) => {
  const { path: full, type, default: byDefault, allowed, description, fields } = explain(path);
  const head = [
    `FIELD:       ${full}`,
    `TYPE:        ${type}`,
    ...(byDefault === undefined ? [] : [`DEFAULT:     ${byDefault}`]),
    ...(allowed === undefined ? [] : [`ALLOWED:     ${allowed}`]),
  ];
  out.write(`${head.join('\n')}\n\n${description}\n`);
  if (fields.length > 0)
    out.write(
      `\nFIELDS:\n${fields.map(({ name }) => fieldLines(`${full}.${name}`, flag(options, 'recursive'), '  ')).join('')}`,
    );
  return EXIT.done;
};

function fieldLines(path: string, recursive: boolean, indent: string): string {
  const { type, default: byDefault, description, fields } = explain(path);
  const name = path.slice(path.lastIndexOf('.') + 1);
  const line = `${indent}${name} <${type}>${byDefault === undefined ? '' : ` (default ${byDefault})`}\n${indent}  ${description}\n`;
  return recursive
    ? line + fields.map((inner) => fieldLines(`${path}.${inner.name}`, true, `${indent}  `)).join('')
    : line;
}

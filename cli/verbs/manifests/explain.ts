/**
 * Owns: `sac explain`, in the form of kubectl's.
 * Never: needs a controller.
 */
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import {
  createExplain,
  EXPLAINED,
  type Explain,
  type ExplainedField,
  type Explanation,
} from '../../../api/resources/schema.ts';
import { findType } from '../../client/resources.ts';
import { flag, type Run } from '../../verb.ts';

const MAX_COLUMNS = 100;

export const run: Run = async ([path = 'agent', ...more], options, { out }) => {
  if (more.length > 0) throw new BadRequestError('explain one field at a time: `sac explain agent.spec.restart`');
  const type = findType(path.split('.')[0] ?? '');
  if (type && !EXPLAINED.includes(type.singular))
    throw new BadRequestError(
      `only what manifests say is explained: ${EXPLAINED.join(', ')}; ${type.plural} are made by sac itself`,
    );
  const width = Math.max(40, Math.min(out.columns, MAX_COLUMNS));
  const explain = createExplain();
  const found = explain(type ? path.replace(/^[^.]*/, type.singular) : path);
  out.write(page(found, width, flag(options, 'recursive') ? explain : undefined));
  return EXIT.done;
};

/** `inward`: what explains the fields below, too. */
function page(found: Explanation, width: number, inward: Explain | undefined): string {
  const facts = [
    ...(found.default === undefined ? [] : [`DEFAULT:    ${found.default}`]),
    ...(found.allowed === undefined ? [] : [`ALLOWED:    ${found.allowed}`]),
  ];
  const fields = found.fields.flatMap((field) =>
    inward ? tree(inward, `${found.path}.${field.name}`, field, '  ') : described(field, width),
  );
  return [
    `KIND:       ${kindOf(found.path)}`,
    'VERSION:    sac/v1',
    '',
    `FIELD:      ${found.path} <${found.type}>${found.required && found.path.includes('.') ? ' -required-' : ''}`,
    ...facts,
    '',
    'DESCRIPTION:',
    ...wrap(found.description || '<none>', '    ', width),
    ...(fields.length === 0 ? [] : ['', 'FIELDS:', ...fields]),
    '',
  ].join('\n');
}

const kindOf = (path: string): string => findType(path.split('.')[0] ?? '')?.kind ?? 'Agent';

const heading = ({ name, type, required, default: byDefault }: ExplainedField): string =>
  `${name} <${type}>${required ? ' -required-' : ''}${byDefault === undefined ? '' : ` (default ${byDefault})`}`;

const described = (field: ExplainedField, width: number): readonly string[] => [
  `  ${heading(field)}`,
  ...(field.allowed === undefined ? [] : wrap(`allowed: ${field.allowed}`, '    ', width)),
  ...wrap(field.description, '    ', width),
  '',
];

/** Names and types alone: the whole shape on one screen. */
const tree = (explain: Explain, path: string, field: ExplainedField, indent: string): readonly string[] => [
  `${indent}${heading(field)}`,
  ...explain(path).fields.flatMap((inner) => tree(explain, `${path}.${inner.name}`, inner, `${indent}  `)),
];

function wrap(text: string, indent: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, indent + line];
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OBJECT_KIND_NAMES } from '../resources/kinds/kinds.ts';
import { readManifests } from './read.ts';

const texts = (text: string, folderName?: string) =>
  readManifests(text, 'f.yaml', folderName === undefined ? {} : { folderName }).problems.map((problem) => problem.text);
const agent = (spec: string, name = 'web') =>
  `apiVersion: sac/v1\nkind: Agent\nmetadata: {name: ${name}}\nspec:\n${spec}`;

describe('a good manifest', () => {
  it('is read sparse and with defaults, and says where it came from', () => {
    const { documents, problems } = readManifests(
      `# a comment\n${agent('  command: [sleep, "1"]\n')}`,
      'agents/web/spec.yaml',
    );
    expect(problems).toEqual([]);
    expect(documents).toHaveLength(1);
    expect(documents[0]).toMatchObject({
      origin: 'agents/web/spec.yaml:2:1',
      kind: 'Agent',
      name: 'web',
      writtenAs: 'sac/v1',
      warnings: [],
      manifest: { apiVersion: 'sac/v1', kind: 'Agent', metadata: { name: 'web' }, spec: { command: ['sleep', '1'] } },
    });
    expect(documents[0]?.manifest.spec).toEqual({ command: ['sleep', '1'] });
    expect(documents[0]?.parsed.spec.restart.policy).toBe('on-failure');
  });

  it('says in which line its MCP servers name variables, also where an older version does', () => {
    const servers = '{docs: {command: x, args: [a, "${A}"],\n    env: {K: "${B}", plain: c}}}';
    const current = readManifests(agent(`  mcpServers:\n   ${servers}\n`), 'f.yaml').documents[0]?.lines;
    expect(current).toEqual({
      'spec.mcpServers.docs.args[1]': 'f.yaml:6',
      'spec.mcpServers.docs.env.K': 'f.yaml:7',
    });
    const old = `apiVersion: scitex-agent-container/v2\nkind: Agent\nmetadata: {name: web}\nspec:\n  mcp_servers:\n   ${servers}\n`;
    expect(readManifests(old, 'f.yaml').documents[0]?.lines).toEqual(current);
    expect(readManifests(agent('  command: [x]\n'), 'f.yaml').documents[0]?.lines).toBeUndefined();
  });

  it('takes its name from the folder when it gives none', () => {
    const { documents } = readManifests('apiVersion: sac/v1\nkind: Agent\nspec: {}\n', 'f', { folderName: 'web' });
    expect(documents[0]?.name).toBe('web');
    expect(documents[0]?.manifest.metadata).toEqual({ name: 'web' });
  });

  it('may be JSON, indented with tabs too, and may begin with a byte order mark', () => {
    const json = JSON.stringify(
      { apiVersion: 'sac/v1', kind: 'Agent', metadata: { name: 'web' }, spec: {} },
      null,
      '\t',
    );
    expect(readManifests(json, 'f.json').problems).toEqual([]);
    expect(readManifests(`\uFEFF${json}`, 'f.json').documents).toHaveLength(1);
  });

  it('may stand among others; empty documents are skipped, broken ones stop nobody', () => {
    const text = [
      '',
      agent('  {}\n', 'a'),
      '# nothing here\n',
      agent('  replicas: x\n', 'b'),
      agent('  {}\n', 'c'),
    ].join('---\n');
    const { documents, problems } = readManifests(text, 'f.yaml');
    expect(documents.map((document) => document.name)).toEqual(['a', 'c']);
    expect(problems.map((problem) => problem.path)).toEqual(['spec.replicas']);
  });

  it('may be what sac shows of it, one or a list: what sac itself wrote there is left out', () => {
    const stored =
      '{apiVersion: sac/v1, kind: Agent, metadata: {name: NAME, id: f.NAME, generation: 2, resourceVersion: 7, labels: {},\n' +
      'creationTimestamp: "2026-01-01T00:00:00Z", source: {kind: apply, name: cli}}, spec: {command: [x]}, status: {phase: Running}}';
    const one = readManifests(stored.replaceAll('NAME', 'web'), 'f.yaml');
    expect(one.problems).toEqual([]);
    expect(one.documents[0]?.manifest).toEqual({
      apiVersion: 'sac/v1',
      kind: 'Agent',
      metadata: { name: 'web', labels: {} },
      spec: { command: ['x'] },
    });
    const items = ['a', 'b', 'c'].map((name) => `  - ${stored.replaceAll('NAME', name).replace('\n', '')}\n`);
    const list = `apiVersion: sac/v1\nkind: List\nmetadata: {}\nitems:\n${items.join('')}`;
    const several = readManifests(list, 'f.yaml');
    expect(several.problems).toEqual([]);
    expect(several.documents.map(({ name, origin }) => [name, origin])).toEqual([
      ['a', 'f.yaml:5:5'],
      ['b', 'f.yaml:6:5'],
      ['c', 'f.yaml:7:5'],
    ]);
    expect(texts(list.replace('name: b,', 'name: b, nome: x,'))).toEqual([
      'f.yaml:6:59 metadata.nome: is not a known field (did you mean "name"?)',
    ]);
    expect(texts('apiVersion: sac/v1\nkind: List\nitems: []\n')).toEqual(['f.yaml:1:1: holds no manifest']);
    // A person who writes such a field means something by it.
    expect(texts(`${agent('  command: [x]\n')}status: {phase: Running}\n`)).toHaveLength(1);
  });

  it('may use an anchor', () => {
    const { documents } = readManifests(agent('  env: {A: &a hello, B: *a}\n'), 'f.yaml');
    expect(documents[0]?.parsed.spec.env).toEqual({ A: 'hello', B: 'hello' });
  });
});

describe('a problem', () => {
  it.each([
    [
      '  restart:\n    policy: on-failur\n',
      'f.yaml:6:13 spec.restart.policy: "on-failur" is not one of never, on-failure, always (did you mean "on-failure"?)',
    ],
    [
      '  restart:\n    max_retries: 1\n',
      'f.yaml:6:5 spec.restart.max_retries: is not a known field (did you mean "maxRetries"?)',
    ],
    ['  maxRetries: 1\n', 'f.yaml:5:3 spec.maxRetries: is not a known field here (it belongs in spec.restart)'],
    [
      '  command: run me\n',
      'f.yaml:5:12 spec.command: "run me" is not a list (write each item on a line of its own, after "- ")',
    ],
    ['  command: []\n', 'f.yaml:5:12 spec.command: an empty list needs at least the program to run'],
    ['  replicas: 1.5\n', 'f.yaml:5:13 spec.replicas: 1.5 is not a whole number'],
    ['  replicas: -1\n', 'f.yaml:5:13 spec.replicas: -1 is less than 0'],
    ['  replicas: 5000\n', 'f.yaml:5:13 spec.replicas: 5000 is more than 1000'],
    ['  suspend: yes\n', 'f.yaml:5:12 spec.suspend: "yes" is not true or false (YAML 1.2 writes true and false)'],
    ['  restart:\n  replicas: 1\n', 'f.yaml:5:3 spec.restart: an empty value is not a mapping'],
    ['  profile: exec\n', 'f.yaml:4:1 spec.command: is required for profile exec: a list, program first'],
    [
      '  session: continu\n',
      'f.yaml:5:12 spec.session: "continu" is not continue-or-new, continue, new, resume, or {mode, id, continueMaxAgeMinutes} (did you mean "continue"?)',
    ],
    [
      '  session: {mode: resum}\n',
      'f.yaml:5:19 spec.session.mode: "resum" is not one of continue-or-new, continue, new, resume (did you mean "resume"?)',
    ],
    [
      '  session: resume\n',
      'f.yaml:5:12 spec.session: resume needs the id of the conversation: {mode: resume, id: ...}',
    ],
    [
      '  session: {mode: resume}\n',
      'f.yaml:5:3 spec.session.id: goes together with mode resume: the id of the conversation',
    ],
    ['  session: {mod: new}\n', 'f.yaml:5:13 spec.session.mod: is not a known field (did you mean "mode"?)'],
    [
      '  health: {interval: 5q}\n',
      'f.yaml:5:22 spec.health.interval: "5q" is not a duration (30s, 5m, 1h30m, 250ms, or plain seconds)',
    ],
    ['  place: {hosts: some}\n', 'f.yaml:5:18 spec.place.hosts: "some" is not "all" or a list of host names'],
    [
      '  place: {host: [ok, Not_ok]}\n',
      'f.yaml:5:22 spec.place.host[1]: "Not_ok" is not a valid name (lower-case letters, digits and "-", at most 63 characters, starting and ending with a letter or digit)',
    ],
    [
      '  place: {host: a, hosts: all}\n',
      'f.yaml:5:27 spec.place.hosts: host, hosts and hostSelector exclude each other',
    ],
    [
      '  claude: {account: work}\n  env:\n    A: x\n    ANTHROPIC_API_KEY: secret\n',
      'f.yaml:8:24 spec.env.ANTHROPIC_API_KEY: claude.account excludes it; remove one',
    ],
    [
      '  claude: {account: work}\n  env: {CLAUDE_CODE_OAUTH_TOKEN: secret}\n',
      'f.yaml:6:34 spec.env.CLAUDE_CODE_OAUTH_TOKEN: claude.account excludes it; remove one',
    ],
    [
      '  env: {a-b: x}\n',
      'f.yaml:5:9 spec.env.a-b: "a-b" is not a valid environment variable name (letters, digits, "_")',
    ],
    ['  replicas: 1\n  replicas: 2\n', 'f.yaml:6:3 spec.replicas: is given twice in one mapping'],
    [
      '  model: !!python/object x\n',
      'f.yaml:5:10: unresolved tag: tag:yaml.org,2002:python/object; YAML core types only',
    ],
    ['  <<: {}\n', 'f.yaml:5:3 spec: merge keys (<<) are not part of YAML 1.2; write the fields out'],
    ['  env: {__proto__: x}\n', 'f.yaml:5:9 spec.env: "__proto__" is not allowed as a key'],
    ['  env: {constructor: x}\n', 'f.yaml:5:9 spec.env: "constructor" is not allowed as a key'],
    [
      '  env: {A: *nowhere}\n',
      'f.yaml:5:12 spec.env.A: the alias *nowhere stands for nothing: no anchor of that name before it',
    ],
    ['  env: &e {A: *e}\n', 'f.yaml:5:15 spec.env.A: the alias *e contains itself'],
    ['  replicas: .inf\n', 'f.yaml:5:13 spec.replicas: .inf is not a finite number'],
  ])('%j', (spec, expected) => {
    expect(texts(agent(spec))).toEqual([expected]);
  });

  it('never shows a value of env', () => {
    const [text] = texts(agent('  env: {TOKEN: 8812345}\n'));
    expect(text).toBe('f.yaml:5:16 spec.env.TOKEN: a number is not text; write it in quotes');
  });

  it('comes with all others of its document, in the order of the file, rules across fields included', () => {
    const found = texts(
      agent('  profile: exec\n  replicas: x\n  nonsense: 1\n  place: {host: a, hosts: all, runtime: tmx}\n'),
    );
    expect(found.map((text) => text.split(' ')[1])).toEqual([
      'spec.command:',
      'spec.replicas:',
      'spec.nonsense:',
      'spec.place.hosts:',
      'spec.place.runtime:',
    ]);
  });

  it.each([
    ['', 'f.yaml:1:1: holds no manifest'],
    ['# only a comment\n', 'f.yaml:1:1: holds no manifest'],
    ['---\n---\n', 'f.yaml:1:1: holds no manifest'],
    ['just text', 'f.yaml:1:1: is not a mapping with apiVersion, kind, metadata and spec'],
    [
      'kind: Agent\n',
      'f.yaml:1:1 apiVersion: is required: sac/v1, or the older scitex-agent-container/v3, scitex-agent-container/v2, cld-agent/v1',
    ],
    [
      'apiVersion: sac/v2\n',
      'f.yaml:1:13 apiVersion: "sac/v2" is not a known version: sac/v1, or the older scitex-agent-container/v3, scitex-agent-container/v2, cld-agent/v1 (did you mean "sac/v1"?)',
    ],
    [
      'apiVersion: sac/v1\nkind: Agnt\n',
      `f.yaml:2:7 kind: "Agnt" is not a kind that manifests can declare: ${['Agent', ...OBJECT_KIND_NAMES].join(', ')} (did you mean "Agent"?)`,
    ],
    ['apiVersion: sac/v1\nkind: Agent\nmetadata: {name: a}\n', 'f.yaml:1:1 spec: is required: a mapping'],
    [
      'apiVersion: sac/v1\nkind: Agent\nspec: {}\n',
      'f.yaml:1:1 metadata.name: is required: text (there is no folder to take it from)',
    ],
    ['apiVersion: sac/v1\nspec:\n\treplicas: 1\n', 'f.yaml:3:1: a tab is used as indentation; YAML wants spaces'],
    ['%YAML 1.1\n---\na: yes\n', 'f.yaml:2:1: %YAML 1.1 is not supported; manifests are YAML 1.2'],
    ['a: "x\n', 'f.yaml:2:1: is not valid YAML: missing closing "quote'],
    ['? [a]\n: b\n', 'f.yaml:1:3: a key must be plain text, not a list, mapping, alias or nothing'],
  ])('of the document %j', (text, expected) => {
    expect(texts(text)[0]).toBe(expected);
  });

  it('points at a name that does not match its folder, or that the folder cannot give', () => {
    expect(texts(agent('  {}\n'), 'other')).toEqual([
      'f.yaml:3:18 metadata.name: "web" does not match the folder "other"; leave it out or make them the same',
    ]);
    expect(texts('apiVersion: sac/v1\nkind: Agent\nspec: {}\n', 'My_Agent')[0]).toContain(
      'the folder\'s name "My_Agent" is not a valid name',
    );
  });

  it('tells of a second agent of the same name, or in the same folder', () => {
    expect(texts(`${agent('  {}\n')}---\n${agent('  {}\n')}`)).toEqual([
      'f.yaml:7:1 metadata.name: agent "web" is already declared at f.yaml:1:1',
    ]);
    expect(
      texts('apiVersion: sac/v1\nkind: Agent\nspec: {}\n---\napiVersion: sac/v1\nkind: Agent\nspec: {}\n', 'web'),
    ).toHaveLength(1);
  });

  it('keeps control characters of files and values away from the terminal', () => {
    const { problems } = readManifests('apiVersion: "\\e]0;x\\a"\nkind: Agent\n', 'a\u001b[2Jb');
    expect(problems.map((problem) => problem.text).join()).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(problems).toHaveLength(1);
  });
});

const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth);
const laughs = [
  'a: &a [x,x,x,x,x,x,x,x,x,x]',
  ...'bcdefghi'.split('').map((name, i) => `${name}: &${name} [${`*${'abcdefgh'[i]},`.repeat(10)}]`),
].join('\n');
const MIB = 1_048_000;

describe('a bomb is refused, located, and quickly', () => {
  it.each<[string, string]>([
    ['billion laughs', laughs],
    ['many aliases', `a: &a x\nb: [${'*a,'.repeat(5_000)}]`],
    ['quadratic aliases', `a: &a [${'x,'.repeat(5_000)}]\nb: [${'*a,'.repeat(90)}]`],
    ['alias to itself', 'a: &a [*a, *a]'],
    ['brackets', nested('[', ']', MIB / 2)],
    ['open brackets', '['.repeat(MIB)],
    ['braces', nested('{a: ', '}', MIB / 5)],
    ['block sequences in one line', '- '.repeat(MIB / 2)],
    ['block maps', Array.from({ length: 1_000 }, (_, i) => `${' '.repeat(i)}k:`).join('\n')],
    ['explicit keys', '? '.repeat(MIB / 2)],
    ['a million keys', Array.from({ length: MIB / 8 }, (_, i) => `k${i}: 1`).join('\n')],
    ['a million items', `a:\n${'- x\n'.repeat(MIB / 4)}`],
    ['one key again and again', 'a: 1\n'.repeat(9_000)],
    ['tags', `a: ${'!x '.repeat(MIB / 3)}`],
    ['anchors', `a: ${'&x '.repeat(MIB / 3)}`],
    ['open quote', `a: "${'x\n'.repeat(MIB / 2)}`],
    ['flow commas', `[${','.repeat(MIB)}]`],
    ['colons', ': '.repeat(MIB / 2)],
    ['documents', '---\na\n'.repeat(9_000)],
    ['directives', '%TAG ! x\n'.repeat(MIB / 10)],
    ['pipes', '|'.repeat(MIB)],
    ['comments', '#\n'.repeat(MIB / 2)],
    ['nul bytes', '\0'.repeat(10_000)],
  ])(
    '%s',
    (_, text) => {
      const { documents, problems } = readManifests(text, 'bomb.yaml');
      expect(documents).toEqual([]);
      expect(problems.length).toBeGreaterThan(0);
      for (const { line, column } of problems) expect(Math.min(line, column)).toBeGreaterThan(0);
    },
    10_000,
  );

  it('reads a file full of spaces or comments as holding nothing', () => {
    expect(texts(' '.repeat(MIB))).toEqual(['f.yaml:1:1: holds no manifest']);
    expect(texts('#\n'.repeat(40_000))).toEqual(['f.yaml:1:1: holds no manifest']);
  }, 10_000);
});

describe('any text', () => {
  const bits = fc.constantFrom(
    'apiVersion: sac/v1',
    'kind: Agent',
    'metadata:',
    '  name: a',
    'spec:',
    '  replicas: ',
    '- ',
    ': ',
    '? ',
    '&a ',
    '*a',
    '[',
    ']',
    '{',
    '}',
    '\n',
    '\t',
    '"',
    "'",
    '|',
    '>',
    '---\n',
    '...\n',
    '!!str ',
    '<<',
    '#',
    '%YAML 1.2\n',
    '\0',
    '\u2028',
    '__proto__',
  );

  it('is answered with documents or problems, never an exception, and leaves prototypes alone', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 200 }),
          fc.array(bits, { maxLength: 40 }).map((parts) => parts.join('')),
        ),
        (text) => {
          const { documents, problems } = readManifests(text, 'f.yaml');
          expect(documents.length + problems.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 1_500 },
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('that is JSON of any shape is judged without an exception', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const { problems } = readManifests(
          JSON.stringify({ apiVersion: 'sac/v1', kind: 'Agent', metadata: { name: 'a' }, spec: value }),
          'f',
        );
        for (const { text } of problems) expect(text).toMatch(/^f:\d+:\d+/);
      }),
      { numRuns: 500 },
    );
  });
});

import { describe, expect, it } from 'vitest';
import { readManifests } from '../manifests/read.ts';
import { agentManifestSchema } from './agent/agent.ts';
import { REDACTED } from './redact.ts';
import { MARK_MESSAGE, marksIn, redactResource } from './redact-resource.ts';

const KEY = 'sk-ant-api03-0000000000000000000000000000';
const secretive = {
  apiVersion: 'sac/v1',
  kind: 'Agent',
  metadata: { name: 'web', annotations: { note: `use ${KEY}`, owner: 'me' } },
  spec: {
    command: ['serve', '--api-key', KEY, '--port', '80'],
    env: { DB_PASSWORD: 'hunter2', MODE: 'fast', URL: 'postgres://u:pw@h/db' },
    mcpServers: { one: { command: 'x', env: { ANY: 'plain' } } },
    startup: { prompts: [`the key is ${KEY}`] },
    claude: { provider: { baseUrl: 'http://127.0.0.1:1', authTokenEnv: 'MY_TOKEN' } },
  },
} as const;

describe('a resource as it is shown', () => {
  const shown = redactResource(agentManifestSchema.parse(secretive));
  it('has no secret, and everything else', () => {
    for (const secret of [KEY, 'hunter2', 'plain', ':pw@']) expect(JSON.stringify(shown)).not.toContain(secret);
    expect(shown).toMatchObject({
      metadata: { name: 'web', annotations: { owner: 'me' } },
      spec: {
        env: { DB_PASSWORD: REDACTED, MODE: 'fast' },
        claude: { provider: { authTokenEnv: 'MY_TOKEN' } },
        replicas: 1,
      },
    });
  });
  it('is refused as a manifest, with every place where something was taken out', () => {
    const marks = marksIn(shown).map((path) => path.join('.'));
    expect(marks).toEqual(
      expect.arrayContaining([
        'metadata.annotations.note',
        'spec.command.2',
        'spec.env.DB_PASSWORD',
        'spec.env.URL',
        'spec.mcpServers.one.env.ANY',
        'spec.startup.prompts.0',
      ]),
    );
    const { documents, problems } = readManifests(JSON.stringify({ ...shown, spec: shown.spec }), 'web.yaml');
    expect(documents).toEqual([]);
    const told = problems.map(({ text }) => text);
    for (const field of ['spec.env.DB_PASSWORD', 'spec.startup.prompts[0]'])
      expect(told.some((text) => text.includes(field) && text.includes(MARK_MESSAGE))).toBe(true);
  });
});

it('of a kind that declares nothing is left as it is', () => {
  const event = { kind: 'Event', metadata: { name: 'e' }, message: KEY };
  expect(redactResource(event)).toBe(event);
});

it('a mark in another kind, or an older version, is refused too', () => {
  const notifier = `apiVersion: sac/v1\nkind: Notifier\nmetadata: {name: n}\nspec:\n  slack: {url: 'https://${REDACTED}'}\n`;
  expect(
    readManifests(notifier, 'n.yaml')
      .problems.map(({ text }) => text)
      .join('\n'),
  ).toContain(REDACTED);
  const old = `apiVersion: cld-agent/v1\nkind: Agent\nmetadata: {name: o}\nspec:\n  env: {A: '${REDACTED}'}\n`;
  expect(readManifests(old, 'o.yaml').documents).toEqual([]);
});

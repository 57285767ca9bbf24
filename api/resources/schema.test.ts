import { describe, expect, it } from 'vitest';
import { NotFoundError } from './errors.ts';
import { agentJsonSchema, allFieldPaths, createExplain } from './schema.ts';

const explain = createExplain();

describe('the JSON Schema', () => {
  it('is draft 2020-12, has an id without a host, wants no field that has a default, and forbids unknown ones', () => {
    const schema = agentJsonSchema();
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
    expect(schema.$id).toBe('urn:sac:v1:agent');
    expect(schema.required).toEqual(['apiVersion', 'kind', 'spec']);
    expect(schema.additionalProperties).toBe(false);
    expect(JSON.stringify(schema)).toContain('"enum":["never","on-failure","always"]');
  });
});

describe('explain', () => {
  it.each(allFieldPaths())('%s says what it is', (path) => {
    const { description, type } = explain(path);
    expect(description).toMatch(/\S{2,}.*\.$/s);
    expect(type).not.toBe('');
  });

  it('tells type, default, allowed values and the fields below', () => {
    expect(explain('agent.spec.restart.policy')).toEqual({
      path: 'agent.spec.restart.policy',
      type: 'text',
      required: false,
      description: 'When an agent that ended is started again.',
      default: '"on-failure"',
      allowed: 'never, on-failure, always',
      fields: [],
    });
    const restart = explain('agent.spec.restart');
    expect(restart.type).toBe('mapping');
    expect(restart.default).toBeUndefined();
    expect(restart.fields.map((field) => field.name)).toEqual(['policy', 'maxRetries', 'backoff']);
    expect(explain('agent.spec.env').type).toBe('map of text');
    expect(explain('agent.spec.command').type).toBe('list of text');
    expect(explain('agent.spec.replicas').allowed).toBe('0 to 1000');
    expect(explain('agent.spec.session').fields.map((field) => field.name)).toEqual([
      'mode',
      'id',
      'continueMaxAgeMinutes',
    ]);
    expect(explain('agent.spec.place.host').type).toBe('text or list of text');
    expect(explain('agent.spec.update.maxWait')).toMatchObject({
      type: 'duration',
      allowed: '30s, 5m, 1h30m, 250ms, or plain seconds',
    });
    expect(explain('agent.spec').required).toBe(true);
  });

  it('takes kubectl spellings, and goes below free-form mappings', () => {
    for (const path of ['agents.spec.restart', 'Agent.spec.restart', 'spec.restart'])
      expect(explain(path).path).toBe('agent.spec.restart');
    expect(explain('agent').fields.map((field) => field.name)).toEqual(['apiVersion', 'kind', 'metadata', 'spec']);
    expect(explain('agent.metadata.labels.team').type).toBe('text');
  });

  it.each([
    ['agent.spec.restrat', 'agent.spec has no field "restrat" (did you mean "restart"?)'],
    ['agent.spec.replicas.x', 'agent.spec.replicas has no field "x"; agent.spec.replicas has no fields'],
    ['agent.__proto__', 'agent has no field "__proto__"'],
  ])('knows no %s', (path, message) => {
    expect(() => explain(path)).toThrow(NotFoundError);
    expect(() => explain(path)).toThrow(message);
  });
});

/**
 * Owns: the OpenAPI 3.1 document, made from the routes and the schemas that check requests.
 * Never: describes anything by hand that a schema says already.
 */
import { z } from 'zod';
import { ROUTES, type RouteName } from '../protocol.ts';
import { agentManifestSchema } from '../resources/agent/agent.ts';
import * as bodies from './bodies.ts';

const BODIES: Partial<Readonly<Record<RouteName, z.ZodType>>> = bodies.BODIES;
const { QUERIES } = bodies;
const SUMMARIES: Readonly<Record<RouteName, string>> = {
  version: 'Version of the controller',
  healthz: 'The process answers',
  readyz: 'All places were listed once, and the home can be written to',
  metrics: 'Prometheus metrics',
  openapi: 'This document',
  controller: 'State of the controller',
  stopController: 'Stop the controller; agents stay alive',
  list: 'List or watch resources',
  get: 'One resource',
  create: 'Create an agent',
  replace: 'Replace an agent (409 when changed meanwhile)',
  patch: 'JSON merge patch (RFC 7396)',
  delete: 'Delete an agent',
  patchObject: 'JSON merge patch of a host, source, ...',
  deleteObject: 'Delete a host, source, ...; 409 while it is needed',
  syncSource: 'Fetch and apply a GitSource now, or roll it back',
  planSource: 'What the next sync of a GitSource would do',
  gitHook: 'Push notice of GitHub, Gitea or GitLab for a GitSource',
  apply: 'Apply manifests',
  restart: 'Start a new incarnation',
  rollout: 'Undo, pause or resume a change, or restart instances in turn',
  revisions: 'Revisions of an agent, oldest first',
  answer: 'Press keys that answer what the agent asks',
  logs: 'Output, as text',
  render: 'With what an agent would be started: its job script, or program, folder, names of variables',
  attach: 'How a terminal reaches the agent',
  usage: 'What agents and machines use now: CPU time, memory, tokens',
  rich: 'All that is known of an agent at work',
  checkHost: 'What is installed on a host',
  listTokens: 'List tokens',
  createToken: 'Create a token; shown once',
  deleteToken: 'Delete a token',
};

const jsonSchema = (schema: z.ZodType): Record<string, unknown> => {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
};

export function openApiDocument(version: string): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  const names = Object.keys(ROUTES) as RouteName[];
  for (const name of names) {
    const { method, path, role } = ROUTES[name];
    const template = path.replaceAll(/:([a-z]+)/g, '{$1}');
    const body = BODIES[name];
    const inPath = [...path.matchAll(/:([a-z]+)/g)].map(([, key]) => ({
      name: key,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    }));
    const inQuery = Object.entries(QUERIES[name]?.shape ?? {}).map(([key, schema]) => ({
      name: key,
      in: 'query',
      required: false,
      schema: jsonSchema(schema),
    }));
    const parameters = [...inPath, ...inQuery];
    const operation: Record<string, unknown> = {
      operationId: name,
      summary: SUMMARIES[name],
      'x-role': role,
      ...(role === 'none' ? { security: [] } : {}),
      ...(parameters.length > 0 && { parameters }),
      ...(body && { requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(body) } } } }),
      responses: {
        '200': { description: 'Done' },
        default: {
          description: 'Failure',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Status' } } },
        },
      },
    };
    paths[template] = { ...paths[template], [method.toLowerCase()]: operation };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'sac', version, description: 'Keeps AI coding agents in the state that manifests declare.' },
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'Over TCP; on the unix socket none is needed.' },
      },
      schemas: {
        Agent: jsonSchema(agentManifestSchema),
        Status: {
          type: 'object',
          required: ['kind', 'status', 'code', 'reason', 'message'],
          properties: {
            kind: { const: 'Status' },
            status: { const: 'Failure' },
            code: { type: 'integer' },
            reason: { type: 'string' },
            message: { type: 'string' },
            problems: { type: 'array', items: { type: 'string' } },
          },
        },
      },
    },
  };
}

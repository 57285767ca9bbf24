/**
 * Owns: what requests may carry: schemas of bodies and queries, checked at this edge and nowhere behind it.
 * Never: lets an unknown key pass in silence.
 */
import { z } from 'zod';
import { type ApplyRequest, type PatchRequest, ROLES, ROLLOUT_ACTIONS, ROUTES, type RouteName } from '../protocol.ts';
import type { AgentManifestInput } from '../resources/agent/agent.ts';
import { agentFilesSchema } from '../resources/agent/agent-files.ts';
import { BadRequestError, InvalidError } from '../resources/errors.ts';
import { check, formatPath } from '../resources/issues.ts';
import { sourceSchema } from '../resources/meta.ts';

const flag = z
  .enum(['true', 'false', '1', '0', ''])
  .transform((text) => text === 'true' || text === '1' || text === '');
const count = z
  .string()
  .regex(/^\d{1,15}$/, { message: 'is not a whole number' })
  .transform(Number);
const textMap = z.record(z.string(), z.string());
const patchMap = z.record(z.string(), z.string().nullable());

export const listQuery = z.strictObject({
  labelSelector: z.string().max(4096).optional(),
  fieldSelector: z.string().max(4096).optional(),
  as: z.literal('table').optional(),
  wide: flag.optional(),
  labels: flag.optional(),
  watch: flag.optional(),
  raw: flag.optional(),
  resourceVersion: count.optional(),
});
export const logQuery = z.strictObject({
  instance: z.string().max(63).optional(),
  tail: count.optional(),
  previous: flag.optional(),
  follow: flag.optional(),
  raw: flag.optional(),
});
export const attachQuery = z.strictObject({ instance: z.string().max(63).optional() });
export const usageQuery = z.strictObject({ labelSelector: z.string().max(4096).optional() });
/** `raw`: with the secrets of what is declared. */
export const getQuery = z.strictObject({ raw: flag.optional() });
export const noQuery = z.strictObject({});

/** Manifests are checked one by one where they are applied, so that a broken one does not stop the others. */
const manifestShape = z.looseObject({ metadata: z.looseObject({ name: z.string().optional() }).optional() });
export const applyBody = z.strictObject({
  items: z
    .array(
      z.strictObject({
        origin: z.string().max(4096),
        manifest: manifestShape,
        files: agentFilesSchema.optional(),
        lines: z.record(z.string().max(4096), z.string().max(4096)).optional(),
      }),
    )
    .max(20_000),
  source: z.strictObject(sourceSchema.shape),
  dryRun: z.boolean().optional(),
  force: z.boolean().optional(),
  prune: z.strictObject({ labelSelector: z.string().max(4096).optional() }).optional(),
});
export const createBody = z.strictObject({
  apiVersion: z.literal('sac/v1'),
  kind: z.literal('Agent'),
  metadata: z.strictObject({ name: z.string(), labels: textMap.optional(), annotations: textMap.optional() }),
  spec: z.unknown(),
});
/** What `get -o json` gives may be sent back: server fields are ignored but for the version. */
export const replaceBody = z.strictObject({
  apiVersion: z.literal('sac/v1').optional(),
  kind: z.literal('Agent').optional(),
  metadata: z.strictObject({
    name: z.string(),
    labels: textMap.default({}),
    annotations: textMap.default({}),
    resourceVersion: z.int().nonnegative(),
    id: z.unknown().optional(),
    generation: z.unknown().optional(),
    creationTimestamp: z.unknown().optional(),
    deletionTimestamp: z.unknown().optional(),
    source: z.unknown().optional(),
    restartRequestedAt: z.unknown().optional(),
    restartRequestedBy: z.unknown().optional(),
  }),
  spec: z.unknown(),
  status: z.unknown().optional(),
  force: z.boolean().optional(),
});
export const patchBody = z.strictObject({
  metadata: z
    .strictObject({
      labels: patchMap.optional(),
      annotations: patchMap.optional(),
      resourceVersion: z.int().nonnegative().optional(),
    })
    .optional(),
  spec: z.record(z.string(), z.unknown()).optional(),
  force: z.boolean().optional(),
  dryRun: z.boolean().optional(),
});
export const deleteBody = z.strictObject({ force: z.boolean().optional(), dryRun: z.boolean().optional() });
export const restartBody = z.strictObject({
  by: z.string().max(200).optional(),
  session: z.enum(['new', 'continue']).optional(),
});
export const rolloutBody = z.strictObject({
  action: z.enum(ROLLOUT_ACTIONS),
  revision: z.int().min(1).optional(),
});
export const answerBody = z.strictObject({
  keys: z
    .array(z.string().regex(/^(?:[A-Z][A-Za-z0-9]{0,15}|[!-~])$/, { message: 'is not a key' }))
    .min(1)
    .max(50),
  instance: z.string().max(253).optional(),
  force: z.boolean().optional(),
});
export const tokenBody = z.strictObject({ role: z.enum(ROLES), description: z.string().max(200).optional() });
export const syncBody = z.strictObject({
  force: z.boolean().optional(),
  to: z
    .string()
    .regex(/^[0-9a-f]{7,64}$/, { message: 'is not a commit id (at least 7 hexadecimal digits)' })
    .optional(),
});
export const noBody = z.strictObject({});

export const ROUTE_NAMES = Object.keys(ROUTES) as RouteName[];
type ChangingRoute = {
  [R in RouteName]: (typeof ROUTES)[R]['method'] extends 'GET' ? never : R;
}[RouteName];
/** Each route that changes something says what its body is. */
export const BODIES: Readonly<Record<ChangingRoute, z.ZodType>> = {
  stopController: noBody,
  create: createBody,
  replace: replaceBody,
  patch: patchBody,
  delete: deleteBody,
  patchObject: patchBody,
  deleteObject: deleteBody,
  apply: applyBody,
  syncSource: syncBody,
  planSource: noBody,
  gitHook: z.unknown(),
  restart: restartBody,
  rollout: rolloutBody,
  answer: answerBody,
  createToken: tokenBody,
  deleteToken: noBody,
};
/** Routes that are not here take no query. */
export const QUERIES: Partial<Readonly<Record<RouteName, z.ZodObject>>> = {
  list: listQuery,
  get: getQuery,
  logs: logQuery,
  attach: attachQuery,
  rich: attachQuery,
  usage: usageQuery,
  render: attachQuery,
};

/** A manifest is 6 levels deep; whoever sends more wants to exhaust a stack. */
const MAX_DEPTH = 64;

/** Throws BadRequestError for what is no JSON, is nested too deeply, or carries `__proto__`. Empty: undefined. */
export function parseJson(text: string): unknown {
  if (text === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The engine's words, but not the text around the place: it may be a secret.
    const where =
      error instanceof Error ? /at position \d+|Unexpected end of JSON input/.exec(error.message)?.[0] : undefined;
    throw new BadRequestError(`the body is not JSON${where === undefined ? '' : ` (${where})`}`);
  }
  refuseTraps(value, 0);
  return value;
}

function refuseTraps(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth >= MAX_DEPTH) throw new BadRequestError(`the body is nested more than ${MAX_DEPTH} levels deep`);
  if (Array.isArray(value)) {
    for (const item of value) refuseTraps(item, depth + 1);
    return;
  }
  if (Object.hasOwn(value, '__proto__')) throw new BadRequestError('the body has a field "__proto__"');
  for (const item of Object.values(value)) refuseTraps(item, depth + 1);
}

/** Enough to see what is wrong; the answer must not be larger than the question. */
const MAX_PROBLEMS = 100;

/** Throws InvalidError naming every field that is wrong. */
export function parse<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const checked = check(schema, value ?? {});
  if (checked.ok) return checked.value;
  const problems = checked.issues
    .slice(0, MAX_PROBLEMS)
    .map(({ path, message }) => `${what}${path.length > 0 ? ` ${formatPath(path)}` : ''}: ${message}`);
  const more = checked.issues.length - problems.length;
  throw new InvalidError(more > 0 ? [...problems, `... and ${more} more problems`] : problems);
}

/** The request's own shape is checked here; each manifest where it is applied, so that its problems name it. */
export function parseApply(body: unknown): ApplyRequest {
  const { items, source, dryRun, force, prune } = parse(applyBody, body, 'body');
  return {
    items: items.map(({ origin, manifest, files, lines }) => ({
      origin,
      manifest: manifest as AgentManifestInput,
      ...(files && { files }),
      ...(lines && { lines }),
    })),
    source: {
      kind: source.kind,
      name: source.name,
      ...(source.path !== undefined && { path: source.path }),
      ...(source.revision !== undefined && { revision: source.revision }),
    },
    ...(dryRun !== undefined && { dryRun }),
    ...(force !== undefined && { force }),
    ...(prune && { prune: { ...(prune.labelSelector !== undefined && { labelSelector: prune.labelSelector }) } }),
  };
}

export function parsePatch(body: unknown): PatchRequest {
  const { metadata, spec, force, dryRun } = parse(patchBody, body, 'body');
  return {
    ...(metadata && {
      metadata: {
        ...(metadata.labels && { labels: metadata.labels }),
        ...(metadata.annotations && { annotations: metadata.annotations }),
        ...(metadata.resourceVersion !== undefined && { resourceVersion: metadata.resourceVersion }),
      },
    }),
    ...(spec && { spec }),
    ...(force !== undefined && { force }),
    ...(dryRun !== undefined && { dryRun }),
  };
}

/**
 * Owns: the grammar of names, ids and labels, and the branded types that carry it.
 * Never: looks anything up.
 */
import { z } from 'zod';

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** An agent's name: DNS label, so that it is safe as session, container, job and file name. RFC 1123 §2.1. */
export type AgentName = Brand<string, 'AgentName'>;
/** `<fleet>.<instance name>`; a pure function of fleet and name, never random, so it survives losing the database. */
export type InstanceId = Brand<string, 'InstanceId'>;
/** `local` or the name of a Host resource. */
export type HostName = Brand<string, 'HostName'>;
/** Eight hex digits that tell the things of one SAC_HOME from those of another. */
export type FleetId = Brand<string, 'FleetId'>;

export const NAME_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const NAME_RULE =
  'lower-case letters, digits and "-", at most 63 characters, starting and ending with a letter or digit';

export const nameSchema = z
  .string()
  .regex(NAME_PATTERN, { message: `is not a valid name (${NAME_RULE})` })
  .meta({ description: `Name: ${NAME_RULE}.` });

const LABEL_KEY = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;

export const labelsSchema = z.record(
  z.string().regex(LABEL_KEY, { message: 'is not a valid label key ([prefix/]name, letters, digits, "-", "_", ".")' }),
  z.string().regex(LABEL_VALUE, { message: 'is not a valid label value (letters, digits, "-", "_", ".", at most 63)' }),
);

export const instanceId = (fleet: FleetId, instanceName: string): InstanceId =>
  `${fleet}.${instanceName}` as InstanceId;
export const instanceNameOf = (id: InstanceId): string => id.slice(id.indexOf('.') + 1);
export const fleetOf = (id: InstanceId): FleetId => id.slice(0, id.indexOf('.')) as FleetId;
export const LOCAL_HOST = 'local' as HostName;

/**
 * Owns: the list of verbs: help and completion come from it, implementations are loaded when they are run.
 * Never: imports an implementation.
 */
import type { Verb } from '../verb.ts';
import { ACCOUNT_VERBS } from './accounts/verbs.ts';
import { AGENT_VERBS } from './agents/verbs.ts';
import { FLEET_VERBS } from './fleet/verbs.ts';
import { HOST_VERBS } from './hosts/verbs.ts';
import { MANIFEST_VERBS } from './manifests/verbs.ts';
import { RESOURCE_VERBS } from './resources/verbs.ts';
import { SETUP_VERBS } from './setup/verbs.ts';
import { SOURCE_VERBS } from './sources/verbs.ts';

export const VERBS: readonly Verb[] = [
  ...RESOURCE_VERBS,
  ...AGENT_VERBS,
  ...MANIFEST_VERBS,
  ...HOST_VERBS,
  ...FLEET_VERBS,
  ...SOURCE_VERBS,
  ...ACCOUNT_VERBS,
  ...SETUP_VERBS,
];

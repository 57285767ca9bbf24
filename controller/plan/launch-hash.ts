/**
 * Owns: the launch hash: equal hashes mean that a running agent need not be restarted.
 * Never: covers what applies in place; the exclusions are named here and nowhere else.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { LaunchPlan, Place } from './desired-instance.ts';

/** Parts of a launch plan that take effect at the next start, whenever that is, and are no reason for one. */
const APPLIED_IN_PLACE = ['preStart', 'preStartMs', 'postStart'] as const satisfies readonly (keyof LaunchPlan)[];

/** 16 hex digits (64 bits) of SHA-256 over the canonical JSON of everything not excluded, so that a new field counts by default. */
export function launchHash(plan: LaunchPlan, place: Place | undefined): string {
  const { options, ...rest } = plan;
  const counted: Record<string, unknown> = { ...rest, place: place && { host: place.host, runtime: place.runtime } };
  for (const key of APPLIED_IN_PLACE) delete counted[key];
  // Only the options of the runtime it lives in, and of those not what a running agent does not notice.
  const terminal = { width: options.tmux.width, height: options.tmux.height };
  switch (place?.runtime) {
    case 'tmux':
    case 'screen':
      counted['terminal'] = terminal;
      break;
    case 'docker':
    case 'podman': {
      // How the image gets there is not what runs.
      const { pull: _, ...container } = options[place.runtime] ?? {};
      counted['terminal'] = terminal;
      counted['container'] = container;
      break;
    }
    case 'slurm-tenant':
      // Another allocation is another place to live.
      counted['terminal'] = terminal;
      counted['tenancy'] = options.tenancy;
      break;
    case 'apptainer':
      counted['container'] = options.apptainer;
      break;
    case 'slurm':
      counted['job'] = options.slurm;
      break;
    case 'process':
    case undefined:
      break;
  }
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(counted)))).slice(0, 16);
}

/** JSON with sorted keys and without undefined, so that equal values give equal texts. RFC 8785 in spirit. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  // Plain loops: this is asked for every instance at every resync, and is a tenth of what planning costs so.
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += text === '' ? canonicalJson(item) : `,${canonicalJson(item)}`;
    return `[${text}]`;
  }
  const fields: Readonly<Record<string, unknown>> = { ...value };
  for (const key of Object.keys(fields).sort()) {
    const item = fields[key];
    if (item !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(item)}`;
  }
  return `{${text}}`;
}

/**
 * Owns: options that several verbs share, so that the same flag means the same everywhere.
 * Never: knows which verbs.
 */
import type { OptionDefinition } from '../verb.ts';

export const FILES: OptionDefinition = {
  flags: '-f, --filename <path>',
  description: 'file, directory or - for standard input; may be given several times',
  repeat: true,
};
export const RECURSIVE: OptionDefinition = { flags: '-R, --recursive', description: 'descend into directories' };
export const SELECTOR: OptionDefinition = {
  flags: '-l, --selector <labels>',
  description: 'only agents with these labels (role=worker,team!=x)',
};
export const ALL: OptionDefinition = { flags: '--all', description: 'all agents' };
export const OUTPUT: OptionDefinition = {
  flags: '-o, --output <format>',
  description: 'wide, json, yaml, name, jsonpath=..., custom-columns=...',
};
export const WAIT: OptionDefinition = { flags: '--wait', description: 'wait until it is done' };
export const TIMEOUT: OptionDefinition = { flags: '--timeout <duration>', description: 'longest wait (30s, 5m)' };
export const FORCE: OptionDefinition = {
  flags: '--force',
  description: 'also change fields that a file declares, until that file changes next',
};
export const DRY_RUN: OptionDefinition = {
  flags: '--dry-run <where>',
  description: 'client (only say what would be done) or server (also have it checked); nothing changes',
};
export const INSTANCE: OptionDefinition = {
  flags: '--instance <name>',
  description: 'which instance, when the agent has several',
};

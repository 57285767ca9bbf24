/**
 * Owns: the list of agent CLIs: one line each.
 * Never: knows anything about one of them.
 */
import type { ProfileName } from '../../api/resources/agent/agent.ts';
import { aider } from './aider/profile.ts';
import { claudeCode } from './claude-code/profile.ts';
import { codex } from './codex/profile.ts';
import { cursor } from './cursor/profile.ts';
import { exec } from './exec/profile.ts';
import { gemini } from './gemini/profile.ts';
import { opencode } from './opencode/profile.ts';
import { pi } from './pi/profile.ts';
import type { Profile } from './profile.ts';

export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  'claude-code': claudeCode,
  codex,
  gemini,
  aider,
  cursor,
  opencode,
  pi,
  exec,
};

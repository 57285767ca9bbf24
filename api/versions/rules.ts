/**
 * Owns: the list of all rules. A new field of sac/v1 that older manifests had is one more rule here.
 * Never: two rules with one field in common.
 */
import type { Rule } from './rule.ts';
import { envFilesRule, envRule, hookRules, labelsRule, nameRule } from './rules-identity.ts';
import { healthRule, modelRule, restartRule, sessionRule, workspaceRule } from './rules-life.ts';
import { placeRule, runtimeRule } from './rules-place.ts';
import { slurmRules } from './rules-slurm.ts';
import { commandsRule, dialogsRule, promptsRule, readyRule } from './rules-startup.ts';
import { claudeRules, mcpServersRule, skillRules, toHomeRule, venvRule } from './rules-tools.ts';

export const RULES: readonly Rule[] = [
  nameRule,
  labelsRule,
  runtimeRule,
  modelRule,
  placeRule,
  ...slurmRules,
  workspaceRule,
  envRule,
  envFilesRule,
  sessionRule,
  healthRule,
  restartRule,
  ...hookRules,
  ...claudeRules,
  ...skillRules,
  mcpServersRule,
  venvRule,
  toHomeRule,
  dialogsRule,
  readyRule,
  commandsRule,
  promptsRule,
];

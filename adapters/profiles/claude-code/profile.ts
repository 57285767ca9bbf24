/**
 * Owns: what Claude Code is like: its launch, its dialogs, where it keeps conversations.
 * Never: runs it.
 */
import { launchCli, wordsOf } from '../launch.ts';
import type { Profile } from '../profile.ts';
import { readClaudeCode } from './read.ts';

export const claudeCode: Profile = {
  name: 'claude-code',
  readsActivity: true,
  launch: launchCli('claude', '--model'),
  read: readClaudeCode,
  asksFor: (spec) => (wordsOf(spec).includes('--dangerously-skip-permissions') ? ['bypass', 'legacy-yn'] : []),
  // By experiment with 2.1: a digit alone accepts; an Enter behind it would land in the next dialog.
  dialogs: [
    { name: 'theme', accept: ['Enter'] },
    { name: 'security-notes', accept: ['Enter'] },
    { name: 'terminal-setup', accept: ['Escape'] },
    { name: 'trust', accept: ['1'], decline: ['2'] },
    { name: 'trust-legacy', accept: ['y'], decline: ['n'] },
    { name: 'apikey', accept: ['1'], decline: ['2'] },
    { name: 'mcp-one', accept: ['1'], decline: ['Escape'] },
    { name: 'mcp-two', accept: ['Enter'], decline: ['Escape'] },
    { name: 'mcp-json-edit', accept: ['1'] },
    { name: 'external-imports', accept: ['1'], decline: ['2'] },
    { name: 'thinking-effort', accept: ['Enter'] },
    { name: 'resume-session', accept: ['Enter'] },
    { name: 'press-enter', accept: ['Enter'] },
    { name: 'dev-channels', accept: ['1'], decline: ['2'], dangerous: true },
    { name: 'bypass', accept: ['2'], decline: ['1'], dangerous: true },
    { name: 'legacy-yn', accept: ['y'], decline: ['n'], dangerous: true },
  ],
  session: {
    folder: (cwd) => `~/.claude/projects/${cwd.replaceAll(/[^A-Za-z0-9]/g, '-')}`,
    files: '*.jsonl',
    continueArgs: ['--continue'],
    resumeArgs: (id) => ['--resume', id],
  },
};

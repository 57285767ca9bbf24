/**
 * Owns: what Claude Code is like: its launch, its dialogs, where it keeps conversations.
 * Never: runs it.
 */
import type { AgentSpec } from '../../../api/resources/agent/agent.ts';
import { besideAccount, CLAUDE_LOGIN, OTHER_CREDENTIALS } from '../../../api/resources/agent/conversation.ts';
import { launchCli, wordsOf } from '../launch.ts';
import type { LaunchCommand, Profile } from '../profile.ts';
import { errorLogEnv } from './error-log.ts';
import { SETTINGS_FILE, withOurHooks } from './hook-settings.ts';
import { readClaudeCode } from './read.ts';
import { CLAUDE_TELLING } from './telling.ts';

/** `--add-dir /x y` is a flag and one value, as older manifests write it. */
function splitFlag(flag: string): readonly string[] {
  const at = flag.startsWith('-') ? flag.indexOf(' ') : -1;
  return at < 0 ? [flag] : [flag.slice(0, at), flag.slice(at + 1).trim()];
}

/** Validation refuses it too; this is for what was stored before it did. */
function refusedBeside({ env }: AgentSpec): Pick<LaunchCommand, 'refused'> {
  const [other] = besideAccount(env);
  return other === undefined ? {} : { refused: `claude.account and env.${other} exclude each other; remove one` };
}

export const claudeCode: Profile = {
  name: 'claude-code',
  readsActivity: true,
  launch(spec) {
    const { flags, channels, provider, account } = spec.claude;
    const base = launchCli('claude', '--model')(spec);
    return {
      argv: [...base.argv, ...channels.flatMap((channel) => ['--channels', channel]), ...flags.flatMap(splitFlag)],
      env: {
        // It would replace itself under a running agent.
        DISABLE_AUTOUPDATER: '1',
        ...(provider && { ANTHROPIC_BASE_URL: provider.baseUrl }),
      },
      ...(account !== undefined && {
        login: { account, variable: CLAUDE_LOGIN },
        withheld: OTHER_CREDENTIALS,
        ...refusedBeside(spec),
      }),
      ...(provider && { secretEnv: { ANTHROPIC_AUTH_TOKEN: provider.authTokenEnv } }),
    };
  },
  read: readClaudeCode,
  asksFor(spec) {
    const words = [...wordsOf(spec), ...spec.claude.flags.flatMap(splitFlag)];
    return [
      ...(words.includes('--dangerously-skip-permissions') ? ['bypass', 'legacy-yn'] : []),
      ...(words.some((word) => word.startsWith('--dangerously-load-development-channels')) ? ['dev-channels'] : []),
    ];
  },
  // By experiment with 2.1.197: a digit alone accepts; an Enter behind it would land in the next dialog. 2.1.330 has no digits,
  // and has 'No, exit' selected.
  dialogs: [
    { name: 'theme', accept: ['Enter'] },
    { name: 'security-notes', accept: ['Enter'] },
    { name: 'terminal-setup', accept: ['Escape'] },
    { name: 'trust', accept: ['1'], decline: ['2'], option: { accept: /^yes\b/, decline: /^no\b/ } },
    { name: 'trust-legacy', accept: ['y'], decline: ['n'] },
    { name: 'apikey', accept: ['1'], decline: ['2'], option: { accept: /^yes\b/, decline: /^no\b/ } },
    { name: 'mcp-one', accept: ['1'], decline: ['Escape'], option: { accept: /^use this\b(?!.*\ball\b)/ } },
    { name: 'mcp-two', accept: ['Enter'], decline: ['Escape'], option: { accept: /^enable selected/ } },
    { name: 'mcp-json-edit', accept: ['1'], option: { accept: /^(?:yes|proceed|allow)\b/ } },
    {
      name: 'external-imports',
      accept: ['1'],
      decline: ['2'],
      option: { accept: /^yes, allow/, decline: /^no\b/ },
    },
    { name: 'thinking-effort', accept: ['1'], option: { accept: /^(?:\S )?medium\b/ } },
    // The first option would go on from a summary.
    { name: 'resume-session', accept: ['2'], option: { accept: /^resume full session/ } },
    { name: 'press-enter', accept: ['Enter'] },
    {
      name: 'dev-channels',
      accept: ['1'],
      decline: ['2'],
      option: { accept: /local development/, decline: /^exit/ },
      dangerous: true,
    },
    {
      name: 'bypass',
      accept: ['2'],
      decline: ['1'],
      option: { accept: /^yes, i accept/, decline: /^no\b/ },
      dangerous: true,
    },
    { name: 'legacy-yn', accept: ['y'], decline: ['n'], dangerous: true },
  ],
  telling: CLAUDE_TELLING,
  spoolEnv: errorLogEnv,
  hookSettings: { file: SETTINGS_FILE, merge: (text) => withOurHooks(text) },
  session: {
    folder: '.claude/projects/{cwd}',
    files: '*.jsonl',
    holds: '"type":"user"',
    continueArgs: ['--continue'],
    resumeArgs: (id) => ['--resume', id],
  },
};

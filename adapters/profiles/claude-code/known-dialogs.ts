/**
 * Owns: what each dialog of Claude Code says, by its own text (never the scrollback), and what kind of thing it is.
 * Never: finds dialogs; says which key answers them.
 */
import type { Found } from '../reading/dialog.ts';
import { resetIn } from '../reading/failures.ts';
import type { Named } from '../reading/read-cli.ts';

interface Known {
  readonly name: string;
  readonly says: RegExp;
  readonly selector?: Found['seen']['selector'];
  /**
   * An option that must be among them. A dialog named wrongly would get a wrong key, so a name that has a key asks for the
   * very option the key means.
   */
  readonly offers?: RegExp;
}

/** Start-up dialogs and pickers. The first that fits names it. */
const KNOWN: readonly Known[] = [
  { name: 'bypass', says: /bypass permissions mode/i, offers: /^yes, i accept/i },
  { name: 'apikey', says: /custom API key|use this API key/i, offers: /^yes/i },
  { name: 'external-imports', says: /external (?:CLAUDE\.md )?(?:file )?imports/i, offers: /^yes, allow/i },
  { name: 'mcp-two', says: /new MCP servers found/i, selector: 'checkbox' },
  { name: 'mcp-one', says: /new MCP server found/i, offers: /^use this\b/i },
  { name: 'dev-channels', says: /development/i, offers: /local development/i },
  { name: 'login-method', says: /select login method/i, selector: 'radio' },
  { name: 'theme', says: /choose the text style|syntax theme:/i, offers: /^(?:auto|dark mode|light mode)/i },
  { name: 'security-notes', says: /security notes/i, selector: 'enter' },
  { name: 'resume-session', says: /resume/i, offers: /^resume full session/i },
  { name: 'settings-error', says: /settings error|files with errors are skipped/i, selector: 'radio' },
  { name: 'legacy-yn', says: /skip-permissions|bypass/i, selector: 'yes-no' },
  { name: 'trust-legacy', says: /trust/i, selector: 'yes-no' },
  {
    name: 'trust',
    says: /trust (?:this|the files in this) folder|one you trust|accessing workspace/i,
    offers: /^yes\b.*(?:trust|proceed)|^yes$/i,
  },
  { name: 'mcp-json-edit', says: /\.mcp\.json/, offers: /^(?:yes|proceed|allow)\b/i },
  { name: 'thinking-effort', says: /\b(?:thinking|effort)\b/i, offers: /^medium\b/i },
  { name: 'resume-picker', says: /^resume (?:session|conversation)/im },
  {
    name: 'terminal-setup',
    says: /terminal setup|recommended settings for your terminal/i,
    offers: /recommended settings|terminal setup/i,
  },
  { name: 'model-picker', says: /^select (?:a )?model/im, selector: 'radio' },
  { name: 'login-code', says: /paste code here/i },
  { name: 'login-retry', says: /oauth error|press enter to retry/i, selector: 'enter' },
  { name: 'press-enter', says: /\b(?:press|hit) (?:enter|return|any key)\b/i, selector: 'enter' },
];

/** Names whose dialogs tell that Enter confirms, in every version seen. */
const CONFIRMED = new Set([
  'bypass',
  'apikey',
  'external-imports',
  'mcp-one',
  'dev-channels',
  'trust',
  'mcp-json-edit',
  'thinking-effort',
]);

const fits = (found: Found, { name, says, selector, offers }: Known): boolean =>
  (selector === undefined || selector === found.seen.selector) &&
  (offers === undefined || found.seen.options.some(({ label }) => offers.test(label))) &&
  (!CONFIRMED.has(name) || /enter to confirm/i.test(found.hint)) &&
  says.test(found.seen.text);

/** Panel titles of the built-in tools that ask. */
const TOOLS: readonly (readonly [string, RegExp])[] = [
  ['Bash', /^(?:Bash|PowerShell) command/i],
  ['Edit', /^(?:Edit|Update) file|make this edit to/i],
  ['Write', /^(?:Create|Write|Overwrite) file|want to (?:create|overwrite) /i],
  ['NotebookEdit', /^Edit notebook/i],
  ['Read', /^Read file/i],
  ['WebFetch', /^Fetch\b|wants to fetch/i],
  ['WebSearch', /^Web ?search\b|wants to search the web/i],
  ['ExitPlanMode', /ready to code|written up a plan/i],
  ['Skill', /^Use skill\b/i],
];

const MCP_TOOL = /\b(mcp__\w+|[\w-]+ - [\w-]+)\s*\(/;

/** Rows of tabs above a question: `☐ Database`, `←  ☒ Database  ☐ CI  ✔ Submit  →`. */
const TABS = /^(?:← *)?[☐☒☑✔] ?\S/mu;

const asksLeave = (found: Found): boolean => {
  const { options } = found.seen;
  if (/enter to confirm/i.test(found.hint)) return false;
  const agrees = /^(?:yes|allow|approve|accept)\b/i.test(options[0]?.label ?? '');
  const refuses = options.some(({ label }) =>
    /^(?:no|reject|deny|cancel|tell claude|type here to tell claude)\b/i.test(label),
  );
  if (/tab to amend|ctrl\+e to explain/i.test(found.hint)) return agrees || refuses;
  return (
    agrees &&
    refuses &&
    /\b(?:do|would) you (?:want|like)\b|\bproceed\b|\ballow\b/i.test(`${found.question}\n${found.seen.text}`)
  );
};

function toolAsking(text: string): string | undefined {
  const [title = ''] = text.split('\n');
  return TOOLS.find(([, says]) => says.test(title) || says.test(text))?.[0] ?? MCP_TOOL.exec(text)?.[1];
}

const waitsForLimit = (found: Found): boolean =>
  found.seen.options.some(({ label }) => /wait for (?:the )?limit|limit to reset|limit resets/i.test(label)) ||
  /rate-limit-options/i.test(found.seen.text);

export function nameClaudeDialog(found: Found, above: string): Named | undefined {
  const { text, options } = found.seen;
  if (options.length > 0 && waitsForLimit(found)) {
    const resetsAt = resetIn(text) ?? resetIn(above);
    return {
      name: 'rate-limit-options',
      activity: 'limit_reached',
      reason: 'the usage limit is reached; a dialog offers what to do',
      ...(resetsAt === undefined ? {} : { resetsAt }),
    };
  }
  const asks =
    /enter to select/i.test(found.hint) ||
    options.some(({ label }) => /^(?:chat about this|type something)/i.test(label));
  if (options.length > 0 && asks && (TABS.test(text) || /chat about this|type something|submit/i.test(text))) {
    return { name: 'question', activity: 'question', reason: 'the agent asks a question' };
  }
  if (options.length > 0 && asksLeave(found)) {
    const tool = toolAsking(text);
    const plan = tool === 'ExitPlanMode';
    return {
      name: plan ? 'plan' : 'permission',
      activity: 'permission_prompt',
      reason: plan
        ? 'the agent asks for its plan to be approved'
        : `the agent asks for permission${tool === undefined ? '' : ` to use ${tool}`}`,
      ...(tool === undefined ? {} : { tool }),
    };
  }
  const known = KNOWN.find((one) => fits(found, one));
  return known === undefined ? undefined : { name: known.name };
}

import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ProfileName } from '../../api/resources/agent/agent.ts';
import { PROFILE_NAMES } from '../../api/resources/agent/agent.ts';
import { isGoodEnough, judge, loadLabelled, measure, report } from './accuracy.ts';
import { PROFILES } from './profiles.ts';
import type { PaneState, Screen } from './screen.ts';
import { redraw } from './testdata/redraw.ts';

const readScreen = (profile: ProfileName, screen: Screen): PaneState => PROFILES[profile].read(screen);

const LABELLED = loadLabelled(fileURLToPath(new URL('./testdata', import.meta.url)));

const fixture = (file: string): (typeof LABELLED)[number] => {
  const found = LABELLED.find((labelled) => labelled.file.includes(file));
  if (found === undefined) throw new Error(`no fixture ${file}`);
  return found;
};

const claude = (text: string, extra: { title?: string; foreground?: string } = {}): PaneState =>
  readScreen('claude-code', { text, ...extra });

const RULE = '─'.repeat(80);
const composerBelow = (output: string, typed = ''): string =>
  `${output}\n\n${RULE}\n❯ ${typed}\n${RULE}\n  ⏵⏵ bypass permissions on (shift+tab to cycle) · ← for agents\n`;

describe('labelled screens', () => {
  test('are read as labelled, no dialog as idle and no idle as blocked', () => {
    const verdicts = judge(LABELLED);
    expect(isGoodEnough(measure(verdicts)), report(verdicts)).toBe(true);
  });

  test('every state is among them', () => {
    const states = new Set(LABELLED.map(({ expected }) => expected.replace(/:.*/, '')));
    expect([...states].sort()).toEqual(
      [
        'auth_error compose_pending context_low dialog error exited idle limit_reached permission_prompt question',
        'rate_limited starting working',
      ]
        .join(' ')
        .split(' '),
    );
  });

  test('a measure with one dialog read as idle is not good enough, however many others are right', () => {
    const right = Array.from({ length: 999 }, () => ({ file: 'a', expected: 'idle', got: 'idle' }));
    expect(isGoodEnough(measure(right))).toBe(true);
    expect(isGoodEnough(measure([...right, { file: 'b', expected: 'dialog:trust', got: 'idle' }]))).toBe(false);
    expect(isGoodEnough(measure([...right, { file: 'b', expected: 'idle', got: 'error' }]))).toBe(false);
    expect(isGoodEnough(measure([]))).toBe(false);
  });
});

describe('facts on a screen', () => {
  test.each(['60x30', '80x30', '120x30'])('a warning about a limit tells how much of it is used: %s', (size) => {
    const state = readScreen('claude-code', fixture(`idle-near-limit-${size}`).screen);
    // The narrow one ends before the time does.
    const resets = size === '60x30' ? {} : { resets: { cron: '17 10 * * *', timeZone: 'UTC' } };
    expect(state).toMatchObject({ activity: 'idle', quotaUsed: { '5h': { usedRatio: 0.92, ...resets } } });
  });
  test('of other windows too, and of no window that is not known', () => {
    const footer = (said: string) =>
      claude(`${composerBelow('● Done')}  You've used ${said} · resets Nov 25, 3pm (UTC)\n`);
    expect(footer('81% of your weekly limit').quotaUsed).toEqual({
      '7d': { usedRatio: 0.81, resets: { cron: '0 15 25 11 *', timeZone: 'UTC' } },
    });
    expect(footer('81% of your Mars limit').quotaUsed).toBeUndefined();
    expect(claude(composerBelow("● You've used 81% of your weekly limit")).quotaUsed).toBeUndefined();
  });

  test('permission prompt: tool, options, selection', () => {
    const state = readScreen('claude-code', fixture('permission-bash-compound-80x24').screen);
    expect(state).toMatchObject({ activity: 'permission_prompt', tool: 'Bash', dialog: { selector: 'radio' } });
    expect(state.dialog?.options.map(({ number, selected }) => [number, selected])).toEqual([
      [1, true],
      [2, false],
      [3, false],
    ]);
    expect(state.dialog?.options[1]?.label).toMatch(/^Yes, and don't ask again .* in \/home\/dev\/demo-project$/);
    expect(state.dialog?.text).toContain('rm -rf ./build');
    expect(state.dialog?.text).not.toContain('─');
  });

  test('check boxes: which are ticked', () => {
    const state = readScreen('claude-code', fixture('dialog-mcp-two-80x24').screen);
    expect(state.dialog).toMatchObject({
      name: 'mcp-two',
      selector: 'checkbox',
      options: [
        { label: 'demo', selected: true, checked: true },
        { label: 'other', selected: false, checked: true },
      ],
    });
  });

  test('working: elapsed seconds, model; idle: background shells, time of reset', () => {
    expect(readScreen('claude-code', fixture('running-thinking-80x24').screen)).toMatchObject({
      elapsedSeconds: 6,
      model: 'Opus 4.8 (1M context)',
    });
    expect(readScreen('claude-code', fixture('idle-background-shell-80x24').screen).backgroundShells).toBe(1);
    expect(readScreen('claude-code', fixture('limit-warning-oauth-80x24').screen).resetsAt).toBe('6:08am (UTC)');
    expect(readScreen('codex', fixture('codex-0.169.0/running-bash-yolo-80x24').screen)).toMatchObject({
      backgroundShells: 1,
      elapsedSeconds: 4,
      model: 'mock-model',
    });
    expect(readScreen('gemini', fixture('gemini-0.61.0/running-bash-yolo-80x24').screen).tool).toBe('Shell');
    expect(readScreen('pi', fixture('pi-0.73.1/idle-finished-answer-80x24').screen).contextUsedRatio).toBe(0.01);
    expect(readScreen('opencode', fixture('opencode-1.18.33/running-typed-200x50').screen)).toMatchObject({
      model: 'model test',
      contextUsedRatio: 0,
      cliVersion: '1.18.33',
    });
    expect(readScreen('opencode', fixture('opencode-1.18.33/compose-typed-80x24').screen).composed).toBe(
      'fix the failing test',
    );
  });
});

describe('the version of the CLI', () => {
  test.each([
    ['claude-code', 'idle-mode-default-80x24', '2.1.197'],
    ['codex', 'codex-0.169.0/dialog-trust-80x24', undefined],
    ['codex', 'codex-0.169.0/idle-yolo-80x24', '0.169.0'],
    ['gemini', 'gemini-0.61.0/after-trust-key-1-enter-120x40', '0.61.0'],
    ['opencode', 'opencode-1.18.33/idle-fresh-80x24', '1.18.33'],
    ['pi', 'pi-0.73.1/idle-fresh-80x24', '0.73.1'],
  ] as const)('%s, as its banner on %s tells', (profile, name, version) => {
    expect(readScreen(profile, fixture(name).screen).cliVersion).toBe(version);
  });

  test('is not what an agent talks about', () => {
    expect(claude(composerBelow('● We should try Claude Code v9.9.9 one day')).cliVersion).toBeUndefined();
  });
});

describe('structure, not words', () => {
  const printed = [
    '● Do you want to proceed?\n  ❯ 1. Yes\n    2. No\n\n  Enter to confirm · Esc to cancel',
    '● Press Enter to continue…',
    '● It asks: Continue? [y/N]',
    `● I drew it:\n\n  ${RULE}\n   Bash command\n   Do you want to proceed?\n   ❯ 1. Yes\n     2. No\n   Esc to cancel · Tab to amend`,
    '● The log says:\n  API Error: 429 rate limit reached, please run /login, credit balance too low',
    '● The spinner reads\n  ✻ Garnishing… (4s · esc to interrupt)\n  and so on.',
    '● Session:\n  dev@host:demo# claude\n  dev@host:demo#\n  dev@host:demo#',
  ];

  test.each(printed)('an agent that prints %j above a live composer is idle', (output) => {
    expect(claude(composerBelow(output)).activity).toBe('idle');
  });

  test('the same text typed and not sent is pending, not a dialog', () => {
    expect(claude(composerBelow('● Done.', '1. Yes'))).toMatchObject({
      activity: 'compose_pending',
      composed: '1. Yes',
    });
  });

  test('a no-break space behind the sign is no typed text', () => {
    expect(claude(composerBelow('● Done.').replace('❯ ', '❯\u00a0')).activity).toBe('idle');
    expect(claude(composerBelow('● Done.', 'hello').replace('❯ ', '❯\u00a0')).composed).toBe('hello');
  });

  test('placeholders are no typed text', () => {
    expect(claude(composerBelow('● Done.', 'Press up to edit queued messages')).activity).toBe('idle');
  });

  test('text typed in mid-turn does not hide that it works', () => {
    const state = claude(composerBelow('❯ go\n\n● Let me look\n\n✽ Garnishing… (1m 5s · ↓ 3 tokens)', 'and then'));
    expect(state).toMatchObject({ activity: 'working', elapsedSeconds: 65, composed: 'and then' });
  });

  test('a picture of a composer inside a dialog does not hide the dialog', () => {
    const text = `${RULE}\n Edit file\n notes.md\n${RULE}\n❯ \n${RULE}\n Do you want to make this edit to notes.md?\n ❯ 1. Yes\n   2. No\n\n Esc to cancel · Tab to amend\n`;
    expect(claude(text)).toMatchObject({ activity: 'permission_prompt', tool: 'Edit' });
  });

  test.each(['trust', 'bypass', 'apikey', 'mcp-one', 'mcp-two', 'external-imports'])(
    'the text of %s above a shell prompt is exited',
    (name) => {
      const { screen } = fixture(`dialog-${name}-80x24`);
      const text = `${screen.text.trimEnd()}\ndev@host:demo-project#\n`;
      expect(claude(text).activity).toBe('exited');
      expect(claude(text, { foreground: 'bash' }).activity).toBe('exited');
    },
  );

  test('a dialog nobody described is a dialog without a name', () => {
    const text = `${RULE}\n  Choose a colour for your terminal\n\n  ❯ 1. Red\n    2. Blue\n\n  Enter to confirm · Esc to cancel\n`;
    expect(claude(text)).toMatchObject({ activity: 'dialog', dialog: { name: 'unknown', selector: 'radio' } });
    const boxes = `${RULE}\n  Pick what to send\n\n  ❯ [ ] logs\n    [✔] traces\n Space to select · Enter to confirm\n`;
    expect(claude(boxes)).toMatchObject({ activity: 'dialog', dialog: { name: 'unknown', selector: 'checkbox' } });
  });

  test('the button below check boxes is an option of theirs, with the selector on it or not', () => {
    const boxes = (first: string, button: string) =>
      claude(
        `${RULE}\n  2 new MCP servers found in this project\n  Select any you wish to enable.\n\n${first}\n    [ ] b\n${button}\n Space to select · Esc to reject all\n`,
      );
    const off = boxes('  ❯ [✔] a', '       Enable selected');
    expect(off).toMatchObject({ activity: 'dialog', dialog: { name: 'mcp-two', selector: 'checkbox' } });
    expect(off.dialog?.options).toEqual([
      { label: 'a', selected: true, checked: true },
      { label: 'b', selected: false, checked: false },
      { label: 'Enable selected', selected: false },
    ]);
    const on = boxes('    [✔] a', '  ❯    Enable selected');
    expect(on.dialog).toMatchObject({ name: 'mcp-two', selector: 'checkbox' });
    expect(on.dialog?.options.map(({ selected }) => selected)).toEqual([false, false, true]);
  });

  test('a screen of another shape is unknown, an empty one too unless the CLI is in the foreground', () => {
    expect(claude('some text\nmore text\n').activity).toBe('unknown');
    expect(claude('\n\n\n').activity).toBe('unknown');
    expect(claude('\n\n\n', { foreground: 'claude' }).activity).toBe('starting');
    expect(claude('Pane is dead (status 0, Fri Jun  6)').activity).toBe('exited');
  });

  test('the title tells of work that the text does not show, and never speaks against a dialog', () => {
    expect(claude(composerBelow('● Done.'), { title: '⠂ fix tests' }).activity).toBe('working');
    expect(claude(composerBelow('● Done.'), { title: '✳ fix tests' }).activity).toBe('idle');
    expect(claude(fixture('dialog-trust-80x24').screen.text, { title: '⠂ x' }).activity).toBe('dialog');
    const codex = fixture('codex-0.169.0/idle-yolo-80x24').screen;
    expect(readScreen('codex', { ...codex, title: '[ ! ] Action Required' }).activity).toBe('dialog');
  });

  test('an answer that fails is told only by the last message', () => {
    const failed = '❯ hi\n\n● API Error: Request rejected (429) · too fast\n\n✻ Brewed for 0s';
    expect(claude(composerBelow(failed)).activity).toBe('rate_limited');
    expect(claude(composerBelow(`${failed}\n\n❯ again\n\n● All is well.\n\n✻ Brewed for 1s`)).activity).toBe('idle');
  });
});

describe('dialogs of older versions', () => {
  const CASES: readonly (readonly [string, string])[] = [
    [
      'dev-channels',
      `${RULE}\n WARNING: Loading development channels\n\n ❯ 1. I am using this for local development\n   2. Exit\n\n Enter to confirm · Esc to cancel`,
    ],
    [
      'thinking-effort',
      `${RULE}\n Thinking effort\n\n ❯ 1. Medium (recommended)\n   2. High\n   3. Low\n\n Enter to confirm · Esc to cancel`,
    ],
    [
      'mcp-json-edit',
      `${RULE}\n Claude wants to edit .mcp.json\n\n ❯ 1. Yes\n   2. No\n\n Enter to confirm · Esc to cancel`,
    ],
    [
      'legacy-yn',
      'claude --dangerously-skip-permissions\nUse of skip-permissions is at your own risk. Continue? (y/n)',
    ],
    ['trust-legacy', 'Do you trust the files in this folder? [y/N]'],
    ['press-enter', 'The context window is nearly full.\n\nPress Enter to continue…'],
    [
      'trust',
      `╭${'─'.repeat(60)}╮\n│ Do you trust the files in this folder?${' '.repeat(21)}│\n│${' '.repeat(60)}│\n│ ❯ 1. Yes, proceed${' '.repeat(42)}│\n│   2. No, exit${' '.repeat(46)}│\n╰${'─'.repeat(60)}╯\n   Enter to confirm · Esc to exit`,
    ],
    [
      'resume-session',
      `${RULE}\n This session is large.\n\n ❯ 1. Resume from summary\n   2. Resume full session as-is\n\n Enter to confirm · Esc to cancel`,
    ],
  ];
  test.each(CASES)('%s', (name, text) => {
    const state = claude(text);
    expect([state.activity, state.dialog?.name]).toEqual(['dialog', name]);
  });
});

describe('properties', () => {
  const sizes = fc.record({ width: fc.integer({ min: 60, max: 250 }), height: fc.integer({ min: 60, max: 90 }) });

  test('the same screen drawn at any width from 60 to 250 is read the same', () => {
    // Two columns, or a window over another, cannot be drawn anew for a width at which they would lie elsewhere.
    const flat = LABELLED.filter(({ screen }) => !/• OpenCode | {6,}esc *$| {6,}┃/m.test(screen.text));
    const stable = flat.filter((labelled) => judge([labelled]).every(({ expected, got }) => expected === got));
    fc.assert(
      fc.property(fc.constantFrom(...stable), sizes, ({ file, profile, expected, screen }, { width, height }) => {
        const text = redraw(screen.text, width, height);
        const state = readScreen(profile, { text, width, height });
        const got = state.activity === 'dialog' ? `dialog:${state.dialog?.name}` : state.activity;
        expect(got, `${file} at ${width}\n${text}`).toBe(expected);
      }),
      { numRuns: 1500 },
    );
  });

  test("a dialog's screen inside an agent's answer above a live composer never blocks", () => {
    const dialogs = LABELLED.filter(({ expected }) => /^(?:dialog|permission|question)/.test(expected));
    fc.assert(
      fc.property(fc.constantFrom(...dialogs), ({ screen }) => {
        const quoted = screen.text
          .trimEnd()
          .split('\n')
          .map((line) => `  ${line}`)
          .join('\n');
        expect(claude(composerBelow(`● It looked so:\n\n${quoted}\n\n✻ Brewed for 2s`)).activity).toBe('idle');
      }),
    );
  });

  test('nothing makes a reader throw, and garbage is never idle', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '─'.repeat(30),
        '❯ 1. Yes',
        '  2. No',
        '│ x │',
        '❯ ',
        '╭──╮',
        '\u001b[31m',
        '✽ Go…',
        '> ',
        '┃',
        'a@b:c# ',
        '\n',
      ),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...PROFILE_NAMES),
        fc.array(piece, { maxLength: 40 }),
        fc.string(),
        (profile, pieces, title) => {
          expect(readScreen(profile, { text: pieces.join('\n'), title }).reason).not.toBe('');
        },
      ),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.constantFrom(...PROFILE_NAMES), fc.lorem({ maxCount: 200 }), (profile, text) => {
        expect(readScreen(profile, { text }).activity).not.toBe('idle');
      }),
    );
  });
});

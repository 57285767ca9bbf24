/**
 * Owns: which reader reads which CLI's screen.
 * Never: captures screens; never reads one itself.
 */
import type { ProfileName } from '../../api/resources/agent.ts';
import { readAider } from './aider/read.ts';
import { readClaudeCode } from './claude-code/read.ts';
import { readCodex } from './codex/read.ts';
import { readCursor } from './cursor/read.ts';
import { readGemini } from './gemini/read.ts';
import { readOpencode } from './opencode/read.ts';
import { readPi } from './pi/read.ts';
import type { PaneState, Screen } from './screen.ts';

/** What a screen tells of the agent on it. Pure; never throws. A plain command has no activity. */
export function readScreen(profile: ProfileName, screen: Screen): PaneState {
  switch (profile) {
    case 'claude-code':
      return readClaudeCode(screen);
    case 'codex':
      return readCodex(screen);
    case 'gemini':
      return readGemini(screen);
    case 'opencode':
      return readOpencode(screen);
    case 'pi':
      return readPi(screen);
    case 'aider':
      return readAider(screen);
    case 'cursor':
      return readCursor(screen);
    case 'exec':
      return { activity: 'none', reason: 'a plain command has no activity' };
  }
}

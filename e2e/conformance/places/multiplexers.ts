/**
 * Owns: the places that join the suite by more than one transport.
 * Never: tests anything itself.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createProcessRuntime } from '../../../adapters/runtimes/process/process-runtime.ts';
import { createScreenRuntime } from '../../../adapters/runtimes/screen/screen-runtime.ts';
import { createTmuxRuntime } from '../../../adapters/runtimes/tmux/tmux-runtime.ts';
import type { RuntimeUnderTest } from '../suite/stage.ts';

const tmux = (fleet: string, ...args: string[]): string => {
  try {
    return execFileSync('tmux', ['-L', `sac-${fleet}`, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return '';
  }
};

export const tmuxPlace: RuntimeUnderTest = {
  make: (context) => createTmuxRuntime(context, { configFile: '/dev/null' }),
  occupy: ({ fleet }, name) => void tmux(fleet, '-f', '/dev/null', 'new-session', '-d', '-s', name, 'sleep', '1000'),
  isOccupied: ({ fleet }, name) => tmux(fleet, 'list-panes', '-t', `=${name}:`, '-F', '#{pane_dead}').trim() === '0',
  destroy: ({ fleet }) => void tmux(fleet, 'kill-server'),
};

export const processPlace: RuntimeUnderTest = {
  make: createProcessRuntime,
  occupy: ({ dirs }, name) => void mkdirSync(join(dirs.run, 'process', name), { recursive: true }),
  isOccupied: ({ dirs }, name) => existsSync(join(dirs.run, 'process', name)),
  destroy: () => undefined,
};

export const screenPlace: RuntimeUnderTest = {
  make: (context) => createScreenRuntime(context),
  occupy: ({ dirs }, name) => void mkdirSync(join(dirs.run, 'screen', name), { recursive: true }),
  isOccupied: ({ dirs }, name) => existsSync(join(dirs.run, 'screen', name)),
  destroy: () => undefined,
};

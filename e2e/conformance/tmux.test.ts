import { execFileSync } from 'node:child_process';
import { createTmuxRuntime } from '../../adapters/runtimes/tmux/tmux-runtime.ts';
import { describeRuntime } from './runtime-conformance.ts';

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

describeRuntime('tmux', {
  make: (context) => createTmuxRuntime(context, { configFile: '/dev/null' }),
  occupy: ({ fleet }, name) => void tmux(fleet, '-f', '/dev/null', 'new-session', '-d', '-s', name, 'sleep', '1000'),
  isOccupied: ({ fleet }, name) => tmux(fleet, 'list-panes', '-t', `=${name}:`, '-F', '#{pane_dead}').trim() === '0',
  destroy: ({ fleet }) => void tmux(fleet, 'kill-server'),
});

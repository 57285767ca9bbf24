/**
 * Owns: the list of verbs about running agents.
 * Never: imports an implementation.
 */
import type { Verb } from '../../verb.ts';
import { ALL, FORCE, INSTANCE, OUTPUT, RECURSIVE, SELECTOR, TIMEOUT, WAIT } from '../options.ts';

export const AGENT_VERBS: readonly Verb[] = [
  {
    name: 'logs',
    summary: 'Show what agents printed',
    args: '[name]',
    load: () => import('./logs.ts'),
    options: [
      { flags: '-f, --follow', description: 'go on as more comes' },
      { flags: '--tail <lines>', description: 'only the last lines (-1: all; with -l 10 when not given)' },
      { flags: '-p, --previous', description: 'of the run before this one' },
      INSTANCE,
      SELECTOR,
      { flags: '--raw', description: 'do not strip control sequences' },
    ],
    examples: ['sac logs web --tail 50', 'sac logs web -f', 'sac logs web --previous', 'sac logs -l role=worker -f'],
  },
  {
    name: 'attach',
    summary: "Put your terminal on an agent's",
    args: '<name>',
    load: () => import('./attach.ts'),
    options: [INSTANCE],
    examples: ['sac attach web   # leave with Ctrl-B d'],
  },
  {
    name: 'exec',
    summary: "Run a command in an agent's working directory",
    args: '<name> [command...]',
    passThrough: true,
    load: () => import('./exec.ts'),
    options: [INSTANCE],
    examples: ['sac exec web -- git status'],
  },
  {
    name: 'scale',
    summary: 'Set how many instances an agent has',
    args: '[names...]',
    load: () => import('./scale.ts'),
    options: [{ flags: '--replicas <count>', description: 'how many' }, SELECTOR, WAIT, TIMEOUT, FORCE],
    examples: ['sac scale web --replicas=3', 'sac scale web --replicas=0 --wait'],
  },
  {
    name: 'start',
    summary: 'Wake a stopped agent, start an ended one anew, or apply a manifest',
    args: '[names...]',
    load: () => import('./lifecycle.ts'),
    options: [
      ALL,
      SELECTOR,
      WAIT,
      TIMEOUT,
      { flags: '--force', description: 'also when a file declares it suspended' },
    ],
    examples: ['sac start web', 'sac start agents/web/spec.yaml', 'sac start --all --wait'],
  },
  {
    name: 'stop',
    summary: 'Put an agent to rest; it stays declared',
    args: '[names...]',
    load: () => import('./lifecycle.ts'),
    options: [ALL, SELECTOR, WAIT, TIMEOUT, { flags: '--force', description: 'also when a file declares it running' }],
    examples: ['sac stop web', 'sac stop -l role=worker --wait'],
  },
  {
    name: 'restart',
    summary: 'Replace what is running now by a new start',
    args: '[names...]',
    load: () => import('./lifecycle.ts'),
    options: [
      ALL,
      SELECTOR,
      { flags: '--by <who>', description: 'who wants it, for the event; default: you' },
      WAIT,
      TIMEOUT,
    ],
    examples: ['sac restart web --wait', 'sac restart -l role=worker --by nightly'],
  },
  {
    name: 'list',
    aliases: ['ps'],
    summary: 'List agents (as `get agents`)',
    args: '[names...]',
    load: () => import('./status.ts'),
    options: [OUTPUT, SELECTOR, { flags: '--json', description: 'as -o json' }],
    examples: ['sac list', 'sac ps -o wide'],
  },
  {
    name: 'status',
    summary: 'Show how an agent is',
    args: '[names...]',
    load: () => import('./status.ts'),
    options: [OUTPUT, SELECTOR, { flags: '--json', description: 'as -o json' }],
    examples: ['sac status', 'sac status web', 'sac status web -o json'],
  },
  {
    name: 'inspect',
    summary: 'Show an agent with the end of its output',
    args: '<name>',
    load: () => import('./inspect.ts'),
    options: [
      { flags: '-o, --output <format>', description: 'json' },
      { flags: '--json', description: 'as -o json' },
    ],
    examples: ['sac inspect web', 'sac inspect web --json'],
  },
  {
    name: 'check',
    summary: 'Say whether a manifest or an agent is valid and could be placed',
    args: '<what>',
    load: () => import('./check.ts'),
    options: [RECURSIVE],
    examples: ['sac check agents/web/spec.yaml', 'sac check web'],
  },
  {
    name: 'cleanup',
    summary: 'Delete agents that have ended for good',
    load: () => import('./cleanup.ts'),
    options: [
      { flags: '--terminal', description: 'delete them; without it they are only listed' },
      SELECTOR,
      { flags: '--dry-run', description: 'only say what would be deleted' },
    ],
    examples: ['sac cleanup', 'sac cleanup --terminal --dry-run', 'sac cleanup --terminal'],
  },
];

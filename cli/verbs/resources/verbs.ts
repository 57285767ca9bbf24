/**
 * Owns: the list of verbs about resources of every type.
 * Never: imports an implementation.
 */
import type { Verb } from '../../verb.ts';
import { ALL, DRY_RUN, FILES, FORCE, OUTPUT, RECURSIVE, SELECTOR, TIMEOUT, WAIT } from '../options.ts';

export const RESOURCE_VERBS: readonly Verb[] = [
  {
    name: 'apply',
    summary: 'Make the fleet agree with manifests',
    load: () => import('./apply.ts'),
    options: [
      FILES,
      RECURSIVE,
      {
        flags: '--prune',
        description: 'delete agents that were applied before and are not in the files; with -l or --all',
      },
      { flags: '--all', description: 'with --prune: of all agents that were ever applied by hand' },
      { flags: '-l, --selector <labels>', description: 'with --prune: only of agents with these labels (team=web)' },
      { flags: '--dry-run <where>', description: 'client (check files only) or server (say what would change)' },
      { flags: '--force-conflicts', description: 'take fields that another source declares' },
      WAIT,
      TIMEOUT,
      { flags: '-o, --output <format>', description: 'name or json' },
    ],
    examples: [
      'sac apply -f agents/web/spec.yaml',
      'sac apply -f manifests/quickstart --wait',
      'cat fleet.yaml | sac apply -f - --prune -l team=web',
    ],
  },
  {
    name: 'diff',
    summary: 'Show what apply, or the next sync of a git source, would change (exit 1 when anything)',
    args: '[source...]',
    load: () => import('./diff.ts'),
    options: [FILES, RECURSIVE],
    examples: ['sac diff -f agents', 'sac diff source/fleet'],
  },
  {
    name: 'get',
    summary: 'List agents, instances, events or hosts',
    args: '[type] [names...]',
    load: () => import('./get.ts'),
    options: [
      OUTPUT,
      SELECTOR,
      { flags: '--field-selector <fields>', description: 'only resources with these fields (status.phase=Running)' },
      {
        flags: '--raw',
        description: 'with the secrets that are declared; needs the role operator',
      },
      { flags: '-w, --watch', description: 'go on showing changes' },
      { flags: '--sort-by <path>', description: 'sort by a field (.status.restarts)' },
      { flags: '--no-headers', description: 'leave the header line out' },
      { flags: '--show-labels', description: 'add a column of labels' },
    ],
    examples: [
      'sac get agents',
      'sac get agent web -o yaml',
      'sac get agent web -o yaml --raw',
      'sac get agents -l role=worker -o wide',
      "sac get agents -o jsonpath='{.items[*].metadata.name}'",
      'sac get instances -w',
      'sac get agents,hosts',
    ],
  },
  {
    name: 'describe',
    summary: 'Show everything about an agent, with its events',
    args: '<type> [names...]',
    load: () => import('./describe.ts'),
    options: [SELECTOR],
    examples: ['sac describe agent web', 'sac describe agents -l role=worker'],
  },
  {
    name: 'delete',
    summary: 'Delete agents; graceful, and waits until they are gone',
    args: '[names...]',
    load: () => import('./delete.ts'),
    options: [
      FILES,
      RECURSIVE,
      SELECTOR,
      ALL,
      { flags: '--wait [boolean]', description: 'wait until they are gone; default true' },
      { flags: '--no-wait', description: 'do not wait, as --wait=false' },
      TIMEOUT,
      { flags: '--force', description: 'kill at once, without grace' },
      { flags: '--ignore-not-found', description: 'an agent that is not there is no failure' },
      DRY_RUN,
    ],
    examples: ['sac delete agent web', 'sac delete -f agents/web', 'sac delete -l team=old --no-wait'],
  },
  {
    name: 'wait',
    summary: 'Wait until agents, sources, hosts or other things are in a state',
    args: '[names...]',
    load: () => import('./wait.ts'),
    options: [
      {
        flags: '--for <what>',
        description:
          "condition=Ready[=True], delete, create, jsonpath='{.status.phase}'=Running; several: all must hold",
        repeat: true,
      },
      { flags: '--timeout <duration>', description: 'longest wait; default 30s, 0 checks once, negative is a week' },
      SELECTOR,
      ALL,
    ],
    examples: [
      'sac wait agent/web --for=condition=Ready --timeout=2m',
      'sac wait web --for=delete',
      "sac wait web --for=jsonpath='{.status.phase}'=Succeeded",
      'sac wait source/fleet --for=condition=Ready',
    ],
  },
  {
    name: 'events',
    summary: 'Show what happened',
    load: () => import('./events.ts'),
    options: [
      { flags: '--for <resource>', description: 'only of this resource (agent/web)' },
      { flags: '-w, --watch', description: 'go on showing events' },
      OUTPUT,
    ],
    examples: ['sac events', 'sac events --for agent/web -w'],
  },
  {
    name: 'edit',
    summary: 'Edit an agent, source, host or other thing in your editor',
    args: '<name...>',
    load: () => import('./edit.ts'),
    options: [FORCE],
    examples: ['sac edit web', 'sac edit source/fleet', 'EDITOR="code --wait" sac edit host gpu1'],
  },
  {
    name: 'label',
    summary: 'Set or remove labels',
    args: '<names-or-changes...>',
    load: () => import('./mark.ts'),
    options: [
      { flags: '--overwrite', description: 'change labels that are set already' },
      SELECTOR,
      ALL,
      FORCE,
      DRY_RUN,
    ],
    examples: ['sac label web role=worker', 'sac label web role-', 'sac label --all team=a --overwrite'],
  },
  {
    name: 'annotate',
    summary: 'Set or remove annotations',
    args: '<names-or-changes...>',
    load: () => import('./mark.ts'),
    options: [
      { flags: '--overwrite', description: 'change annotations that are set already' },
      SELECTOR,
      ALL,
      FORCE,
      DRY_RUN,
    ],
    examples: ['sac annotate web owner="Ada Lovelace"', 'sac annotate web owner-'],
  },
];

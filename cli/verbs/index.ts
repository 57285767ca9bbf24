/**
 * Owns: the list of verbs: help and completion come from it, implementations are loaded when they are run.
 * Never: imports an implementation.
 */
import type { OptionDefinition, Verb } from '../verb.ts';

const FILES: OptionDefinition = { flags: '-f, --filename <path>', description: 'file, directory or - for standard input; may be given several times', repeat: true };
const RECURSIVE: OptionDefinition = { flags: '-R, --recursive', description: 'descend into directories' };
const SELECTOR: OptionDefinition = { flags: '-l, --selector <labels>', description: 'only agents with these labels (role=worker,team!=x)' };
const ALL: OptionDefinition = { flags: '--all', description: 'all agents' };
const OUTPUT: OptionDefinition = { flags: '-o, --output <format>', description: 'wide, json, yaml, name, jsonpath=..., custom-columns=...' };
const WAIT: OptionDefinition = { flags: '--wait', description: 'wait until it is done' };
const TIMEOUT: OptionDefinition = { flags: '--timeout <duration>', description: 'longest wait (30s, 5m)' };
const INSTANCE: OptionDefinition = { flags: '--instance <name>', description: 'which instance, when the agent has several' };

export const VERBS: readonly Verb[] = [
  {
    name: 'apply', summary: 'Make the fleet agree with manifests', load: () => import('./resources/apply.ts'),
    options: [
      FILES, RECURSIVE,
      { flags: '--prune', description: 'delete agents that were applied before and are not in the files' }, SELECTOR,
      { flags: '--dry-run <where>', description: 'client (check files only) or server (say what would change)' },
      { flags: '--force-conflicts', description: 'take fields that another source declares' },
      WAIT, TIMEOUT, { flags: '-o, --output <format>', description: 'name or json' },
    ],
    examples: ['sac apply -f agents/web/spec.yaml', 'sac apply -f manifests/quickstart --wait', 'cat fleet.yaml | sac apply -f - --prune'],
  },
  {
    name: 'diff', summary: 'Show what apply would change (exit 1 when anything)', load: () => import('./resources/diff.ts'),
    options: [FILES, RECURSIVE], examples: ['sac diff -f agents'],
  },
  {
    name: 'get', summary: 'List agents, instances, events or hosts', args: '[type] [names...]', load: () => import('./resources/get.ts'),
    options: [
      OUTPUT, SELECTOR, { flags: '--field-selector <fields>', description: 'only resources with these fields (status.phase=Running)' },
      { flags: '-w, --watch', description: 'go on showing changes' }, { flags: '--sort-by <path>', description: 'sort by a field (.status.restarts)' },
      { flags: '--no-headers', description: 'leave the header line out' }, { flags: '--show-labels', description: 'add a column of labels' },
    ],
    examples: ['sac get agents', 'sac get agent web -o yaml', 'sac get agents -l role=worker -o wide', "sac get agents -o jsonpath='{.items[*].metadata.name}'", 'sac get instances -w'],
  },
  {
    name: 'describe', summary: 'Show everything about an agent, with its events', args: '<type> [names...]', load: () => import('./resources/describe.ts'),
    options: [SELECTOR], examples: ['sac describe agent web', 'sac describe agents -l role=worker'],
  },
  {
    name: 'delete', summary: 'Delete agents; graceful, and waits until they are gone', args: '[names...]', load: () => import('./resources/delete.ts'),
    options: [
      FILES, RECURSIVE, SELECTOR, ALL, { flags: '--no-wait', description: 'do not wait until they are gone' }, TIMEOUT,
      { flags: '--force', description: 'kill at once, without grace' }, { flags: '--ignore-not-found', description: 'an agent that is not there is no failure' },
    ],
    examples: ['sac delete agent web', 'sac delete -f agents/web', 'sac delete -l team=old --no-wait'],
  },
  {
    name: 'wait', summary: 'Wait until agents are in a state', args: '<names...>', load: () => import('./resources/wait.ts'),
    options: [
      { flags: '--for <what>', description: "condition=Ready[=True], delete, create, jsonpath='{.status.phase}'=Running; several: all must hold", repeat: true },
      { flags: '--timeout <duration>', description: 'longest wait; default 30s, 0 checks once, negative is a week' }, SELECTOR, ALL,
    ],
    examples: ['sac wait agent/web --for=condition=Ready --timeout=2m', 'sac wait web --for=delete', "sac wait web --for=jsonpath='{.status.phase}'=Succeeded"],
  },
  {
    name: 'events', summary: 'Show what happened', load: () => import('./resources/events.ts'),
    options: [{ flags: '--for <resource>', description: 'only of this resource (agent/web)' }, { flags: '-w, --watch', description: 'go on showing events' }, OUTPUT],
    examples: ['sac events', 'sac events --for agent/web -w'],
  },
  {
    name: 'logs', summary: 'Show what agents printed', args: '[name]', load: () => import('./agents/logs.ts'),
    options: [
      { flags: '-f, --follow', description: 'go on as more comes' }, { flags: '--tail <lines>', description: 'only the last lines' },
      { flags: '-p, --previous', description: 'of the run before this one' }, INSTANCE, SELECTOR, { flags: '--raw', description: 'do not strip control sequences' },
    ],
    examples: ['sac logs web --tail 50', 'sac logs web -f', 'sac logs web --previous'],
  },
  { name: 'attach', summary: 'Put your terminal on an agent\'s', args: '<name>', load: () => import('./agents/attach.ts'), options: [INSTANCE], examples: ['sac attach web   # leave with Ctrl-B d'] },
  {
    name: 'exec', summary: 'Run a command in an agent\'s working directory', args: '<name> [command...]', passThrough: true, load: () => import('./agents/exec.ts'),
    options: [INSTANCE], examples: ['sac exec web -- git status'],
  },
  { name: 'edit', summary: 'Edit an agent in your editor', args: '<name>', load: () => import('./resources/edit.ts'), options: [{ flags: '--force', description: 'also change fields that a file declares' }], examples: ['sac edit web', 'EDITOR="code --wait" sac edit agent/web'] },
  {
    name: 'label', summary: 'Set or remove labels', args: '<name> <changes...>', load: () => import('./resources/mark.ts'),
    options: [{ flags: '--overwrite', description: 'change labels that are set already' }, SELECTOR, ALL], examples: ['sac label web role=worker', 'sac label web role-', 'sac label --all team=a --overwrite'],
  },
  {
    name: 'annotate', summary: 'Set or remove annotations', args: '<name> <changes...>', load: () => import('./resources/mark.ts'),
    options: [{ flags: '--overwrite', description: 'change annotations that are set already' }, SELECTOR, ALL], examples: ['sac annotate web owner="Ada Lovelace"'],
  },
  { name: 'scale', summary: 'Set how many instances an agent has', args: '<name>', load: () => import('./agents/scale.ts'), options: [{ flags: '--replicas <count>', description: 'how many' }, WAIT, TIMEOUT], examples: ['sac scale web --replicas=3'] },
  {
    name: 'start', summary: 'Wake a stopped agent, or apply a manifest', args: '[names...]', load: () => import('./agents/lifecycle.ts'),
    options: [ALL, SELECTOR, WAIT, TIMEOUT, { flags: '--force', description: 'also when a file declares it suspended' }], examples: ['sac start web', 'sac start agents/web/spec.yaml', 'sac start --all --wait'],
  },
  {
    name: 'stop', summary: 'Put an agent to rest; it stays declared', args: '[names...]', load: () => import('./agents/lifecycle.ts'),
    options: [ALL, SELECTOR, WAIT, TIMEOUT, { flags: '--force', description: 'also when a file declares it running' }], examples: ['sac stop web', 'sac stop -l role=worker --wait'],
  },
  { name: 'restart', summary: 'Replace what is running now by a new start', args: '[names...]', load: () => import('./agents/lifecycle.ts'), options: [ALL, SELECTOR, WAIT, TIMEOUT], examples: ['sac restart web --wait'] },
  { name: 'list', aliases: ['ps'], summary: 'List agents (as `get agents`)', args: '[names...]', load: () => import('./agents/status.ts'), options: [OUTPUT, SELECTOR, { flags: '--json', description: 'as -o json' }], examples: ['sac list', 'sac ps -o wide'] },
  { name: 'status', summary: 'Show how an agent is', args: '[name]', load: () => import('./agents/status.ts'), options: [OUTPUT, { flags: '--json', description: 'as -o json' }], examples: ['sac status', 'sac status web -o json'] },
  { name: 'inspect', summary: 'Show an agent with the end of its output', args: '<name>', load: () => import('./agents/status.ts'), options: [{ flags: '--json', description: 'as JSON' }], examples: ['sac inspect web'] },
  { name: 'check', summary: 'Say whether a manifest is valid and could be placed', args: '<what>', load: () => import('./agents/check.ts'), options: [], examples: ['sac check agents/web/spec.yaml', 'sac check web'] },
  {
    name: 'cleanup', summary: 'Delete agents that have ended for good', load: () => import('./agents/cleanup.ts'),
    options: [{ flags: '--terminal', description: 'delete them; without it they are only listed' }, { flags: '--dry-run', description: 'only list them' }], examples: ['sac cleanup', 'sac cleanup --terminal'],
  },
  { name: 'explain', summary: 'Explain a field of a manifest', args: '<path>', load: () => import('./manifests/explain.ts'), options: [{ flags: '--recursive', description: 'all fields below it' }], examples: ['sac explain agent.spec.restart', 'sac explain agent --recursive'] },
  { name: 'validate', summary: 'Check manifests without a controller', args: '[paths...]', load: () => import('./manifests/validate.ts'), options: [FILES, RECURSIVE], examples: ['sac validate -f agents'] },
  {
    name: 'convert', summary: 'Print older manifests as sac/v1, or back', load: () => import('./manifests/convert.ts'),
    options: [FILES, { flags: '--to <version>', description: 'sac/v1 (default) or original' }, { flags: '-o, --output <format>', description: 'yaml (default) or json' }],
    examples: ['sac convert -f old.yaml > spec.yaml', 'sac convert -f spec.yaml --to original'],
  },
  { name: 'schema', summary: 'Print the JSON Schema of manifests', args: '[kind]', load: () => import('./manifests/schema.ts'), options: [], examples: ['sac schema > agent.json'] },
  { name: 'api-resources', summary: 'List resource types', load: () => import('./setup/api-resources.ts'), options: [], examples: ['sac api-resources'] },
  { name: 'version', summary: 'Show versions of client and controller', load: () => import('./setup/version.ts'), options: [{ flags: '-o, --output <format>', description: 'json' }], examples: ['sac version -o json'] },
  { name: 'completion', summary: 'Print a shell completion script', args: '<shell>', load: () => import('./setup/completion.ts'), options: [], examples: ['source <(sac completion bash)', 'sac completion fish > ~/.config/fish/completions/sac.fish'] },
  {
    name: 'controller', summary: 'Run, start, stop the controller, or show its state', examples: ['sac controller status -o json', 'sac controller run --agents-dir ./agents --listen 127.0.0.1:9640'],
    subverbs: [
      ...(['run', 'start'] as const).map((name) => ({
        name, summary: name === 'run' ? 'Run it in the foreground' : 'Start it in the background', load: () => import('./setup/controller.ts'),
        options: [
          { flags: '--agents-dir <dir>', description: 'directory of manifests to watch; may be given several times', repeat: true },
          { flags: '--listen <host:port>', description: 'also answer over TCP, with tokens' }, { flags: '--tls-cert <file>', description: 'certificate (PEM), needed beyond loopback' },
          { flags: '--tls-key <file>', description: 'its key (PEM)' }, { flags: '--resync <duration>', description: 'how often everything is looked at again (10m)' },
          { flags: '--takeover', description: 'replace a controller that holds this home' },
        ],
        examples: [`sac controller ${name} --agents-dir ./agents`],
      })),
      { name: 'stop', summary: 'Stop it; agents stay alive', load: () => import('./setup/controller.ts'), options: [TIMEOUT], examples: ['sac controller stop'] },
      { name: 'status', summary: 'Show its state', load: () => import('./setup/controller.ts'), options: [{ flags: '-o, --output <format>', description: 'json or yaml' }], examples: ['sac controller status -o json'] },
    ],
  },
  {
    name: 'token', summary: 'Manage tokens for access over TCP', examples: ['sac token create --role viewer --description prometheus'],
    subverbs: [
      { name: 'create', summary: 'Make a token; it is shown once', load: () => import('./setup/token.ts'), options: [{ flags: '--role <role>', description: 'admin, operator or viewer' }, { flags: '--description <text>', description: 'what it is for' }, { flags: '-o, --output <format>', description: 'json' }], examples: ['sac token create --role operator'] },
      { name: 'list', summary: 'List tokens', load: () => import('./setup/token.ts'), options: [{ flags: '-o, --output <format>', description: 'json' }], examples: ['sac token list'] },
      { name: 'delete', summary: 'Make a token invalid', args: '<id>', load: () => import('./setup/token.ts'), options: [], examples: ['sac token delete 1a2b3c4d'] },
    ],
  },
  {
    name: 'config', summary: 'Choose which controller is meant (contexts)', examples: ['sac config set-context lab --server https://lab:9640 --token-file ~/lab.token'],
    subverbs: [
      { name: 'get-contexts', summary: 'List contexts', load: () => import('./setup/config.ts'), options: [], examples: ['sac config get-contexts'] },
      { name: 'current-context', summary: 'Show the current context', load: () => import('./setup/config.ts'), options: [], examples: ['sac config current-context'] },
      { name: 'use-context', summary: 'Make a context the current one', args: '<name>', load: () => import('./setup/config.ts'), options: [], examples: ['sac config use-context lab'] },
      { name: 'set-context', summary: 'Add or change a context', args: '<name>', load: () => import('./setup/config.ts'), options: [{ flags: '--server <url>', description: 'URL of a controller' }, { flags: '--socket <path>', description: 'socket of a controller' }, { flags: '--token-file <path>', description: 'file with the token' }, { flags: '--ca-file <path>', description: 'certificate authority (PEM)' }], examples: ['sac config set-context lab --server https://lab:9640 --token-file ~/lab.token'] },
      { name: 'delete-context', summary: 'Remove a context', args: '<name>', load: () => import('./setup/config.ts'), options: [], examples: ['sac config delete-context lab'] },
      { name: 'view', summary: 'Show the configuration', load: () => import('./setup/config.ts'), options: [], examples: ['sac config view'] },
    ],
  },
];

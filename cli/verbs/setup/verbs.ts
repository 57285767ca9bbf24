/**
 * Owns: the list of verbs about sac itself.
 * Never: imports an implementation.
 */
import type { Verb } from '../../verb.ts';
import { TIMEOUT } from '../options.ts';

export const SETUP_VERBS: readonly Verb[] = [
  {
    name: 'api-resources',
    summary: 'List resource types',
    load: () => import('./api-resources.ts'),
    options: [],
    examples: ['sac api-resources'],
  },
  {
    name: 'version',
    summary: 'Show versions of client and controller',
    load: () => import('./version.ts'),
    options: [{ flags: '-o, --output <format>', description: 'json' }],
    examples: ['sac version -o json'],
  },
  {
    name: 'completion',
    summary: 'Print a shell completion script',
    args: '<shell>',
    load: () => import('./completion.ts'),
    options: [],
    examples: ['source <(sac completion bash)', 'sac completion fish > ~/.config/fish/completions/sac.fish'],
  },
  {
    name: '__complete',
    summary: 'Print what could come next; the completion scripts call it',
    args: '[words...]',
    hidden: true,
    passThrough: true,
    load: () => import('./complete.ts'),
    options: [],
    examples: ['sac __complete -- get ag'],
  },
  {
    name: 'controller',
    summary: 'Run, start, stop the controller, or show its state',
    examples: ['sac controller status -o json', 'sac controller run --agents-dir ./agents --listen 127.0.0.1:9640'],
    subverbs: [
      ...(['run', 'start'] as const).map((name) => ({
        name,
        summary: name === 'run' ? 'Run it in the foreground' : 'Start it in the background',
        load: () => import('./controller.ts'),
        options: [
          {
            flags: '--agents-dir <dir>',
            description: 'directory of manifests to watch; may be given several times',
            repeat: true,
          },
          { flags: '--listen <host:port>', description: 'also answer over TCP, with tokens' },
          { flags: '--tls-cert <file>', description: 'certificate (PEM), needed beyond loopback' },
          { flags: '--tls-key <file>', description: 'its key (PEM)' },
          { flags: '--resync <duration>', description: 'how often everything is looked at again (10m)' },
          { flags: '--takeover', description: 'replace a controller that holds this home' },
        ],
        examples: [`sac controller ${name} --agents-dir ./agents`],
      })),
      {
        name: 'stop',
        summary: 'Stop it; agents stay alive',
        load: () => import('./controller.ts'),
        options: [TIMEOUT],
        examples: ['sac controller stop'],
      },
      {
        name: 'status',
        summary: 'Show its state',
        load: () => import('./controller.ts'),
        options: [{ flags: '-o, --output <format>', description: 'json or yaml' }],
        examples: ['sac controller status -o json'],
      },
    ],
  },
  {
    name: 'token',
    summary: 'Manage tokens for access over TCP',
    examples: ['sac token create --role viewer --description prometheus'],
    subverbs: [
      {
        name: 'create',
        summary: 'Make a token; it is shown once',
        load: () => import('./token.ts'),
        options: [
          { flags: '--role <role>', description: 'admin, operator or viewer' },
          { flags: '--description <text>', description: 'what it is for' },
          { flags: '-o, --output <format>', description: 'json' },
        ],
        examples: ['sac token create --role operator'],
      },
      {
        name: 'list',
        summary: 'List tokens',
        load: () => import('./token.ts'),
        options: [{ flags: '-o, --output <format>', description: 'json' }],
        examples: ['sac token list'],
      },
      {
        name: 'delete',
        summary: 'Make a token invalid',
        args: '<ids...>',
        load: () => import('./token.ts'),
        options: [],
        examples: ['sac token delete 1a2b3c4d'],
      },
    ],
  },
  {
    name: 'config',
    summary: 'Choose which controller is meant (contexts)',
    examples: ['sac config set-context lab --server https://lab:9640 --token-file ~/lab.token'],
    subverbs: [
      {
        name: 'get-contexts',
        summary: 'List contexts',
        load: () => import('./config.ts'),
        options: [],
        examples: ['sac config get-contexts'],
      },
      {
        name: 'current-context',
        summary: 'Show the current context',
        load: () => import('./config.ts'),
        options: [],
        examples: ['sac config current-context'],
      },
      {
        name: 'use-context',
        summary: 'Make a context the current one',
        args: '<name>',
        load: () => import('./config.ts'),
        options: [],
        examples: ['sac config use-context lab'],
      },
      {
        name: 'set-context',
        summary: 'Add or change a context',
        args: '<name>',
        load: () => import('./config.ts'),
        options: [
          { flags: '--server <url>', description: 'URL of a controller' },
          { flags: '--socket <path>', description: 'socket of a controller' },
          { flags: '--token-file <path>', description: 'file with the token' },
          { flags: '--ca-file <path>', description: 'certificate authority (PEM)' },
        ],
        examples: ['sac config set-context lab --server https://lab:9640 --token-file ~/lab.token'],
      },
      {
        name: 'delete-context',
        summary: 'Remove a context',
        args: '<name>',
        load: () => import('./config.ts'),
        options: [],
        examples: ['sac config delete-context lab'],
      },
      {
        name: 'view',
        summary: 'Show the configuration',
        load: () => import('./config.ts'),
        options: [],
        examples: ['sac config view'],
      },
    ],
  },
];

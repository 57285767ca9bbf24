/**
 * Owns: where everything of one fleet lies on disk; the one place that reads SAC_HOME and XDG variables.
 * Never: creates or opens anything.
 */

import { existsSync, statSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DeniedError } from './resources/errors.ts';

export interface Home {
  /** For people and messages: SAC_HOME, or the data folder. */
  readonly root: string;
  readonly db: string;
  readonly lock: string;
  readonly fleetFile: string;
  readonly socket: string;
  readonly workspaces: string;
  readonly logs: string;
  /** Launch files, state of the process runtime: lost on reboot is fine. */
  readonly run: string;
  /** `<instance>.spool`: what agents' hooks tell, see api/resources/agent/hook-event.ts. */
  readonly hooks: string;
  /** Copies of git repositories. */
  readonly git: string;
  /** Files that git sources may name as secrets. */
  readonly secrets: string;
  /** Saved logins, one file each; see api/accounts.ts. */
  readonly accounts: string;
  readonly audit: string;
  readonly controllerLog: string;
  /** CLI contexts. */
  readonly config: string;
  /** Folders that must exist, 0700, ours. */
  readonly folders: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `$SAC_HOME` moves everything; else XDG data, state, runtime and config folders. */
export function homeFrom(env: Environment): Home {
  const explicit = env['SAC_HOME'];
  const user = env['HOME'] || homedir();
  const data = explicit ? resolve(explicit) : join(env['XDG_DATA_HOME'] || join(user, '.local', 'share'), 'sac');
  const state = explicit ? data : join(env['XDG_STATE_HOME'] || join(user, '.local', 'state'), 'sac');
  const runtime = explicit ? data : env['XDG_RUNTIME_DIR'] ? join(env['XDG_RUNTIME_DIR'], 'sac') : state;
  const config = explicit ? data : join(env['XDG_CONFIG_HOME'] || join(user, '.config'), 'sac');
  return {
    root: data,
    db: join(data, 'sac.db'),
    lock: join(data, 'controller.lock'),
    fleetFile: join(data, 'fleet'),
    socket: join(runtime, 'sac.sock'),
    workspaces: join(data, 'workspaces'),
    logs: join(state, 'logs'),
    run: join(runtime, 'run'),
    hooks: join(state, 'hooks'),
    git: join(state, 'git'),
    secrets: join(data, 'secrets'),
    accounts: join(data, 'accounts'),
    audit: join(state, 'audit.log'),
    controllerLog: join(state, 'controller.log'),
    config: join(config, 'config.yaml'),
    folders: [
      ...new Set([
        data,
        state,
        runtime,
        join(data, 'workspaces'),
        join(data, 'accounts'),
        join(state, 'logs'),
        join(state, 'hooks'),
        join(runtime, 'run'),
      ]),
    ],
  };
}

const PROJECT_FOLDERS = [join('.scitex', 'agent-container', 'agents'), join('.sac', 'agents')];

/**
 * Agents directories watched when none is named: the nearest project folder upward from `cwd`, then those below the user's
 * home, then `$SCITEX_AGENT_CONTAINER_YAML_DIRS` (colon-separated). Only folders that exist.
 */
export function defaultAgentsDirs(cwd: string, env: Environment): readonly string[] {
  const found: string[] = [];
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const here = PROJECT_FOLDERS.map((name) => join(folder, name)).filter((path) => existsSync(path));
    if (here.length > 0) {
      found.push(...here);
      break;
    }
    if (dirname(folder) === folder) break;
  }
  const user = env['HOME'] || userInfo().homedir;
  found.push(...PROJECT_FOLDERS.map((name) => join(user, name)));
  found.push(
    ...(env['SCITEX_AGENT_CONTAINER_YAML_DIRS'] ?? '')
      .split(':')
      .filter(Boolean)
      .map((path) => resolve(path)),
  );
  return [...new Set(found)].filter((path) => existsSync(path));
}

/** Throws DeniedError when others could look into the folder, or it belongs to somebody else. */
export function assertPrivate(folder: string): void {
  const { mode, uid } = statSync(folder);
  const own = process.getuid?.();
  if (own !== undefined && uid !== own)
    throw new DeniedError(
      `${folder} belongs to user ${uid}, not to you (${own}); set SAC_HOME to a folder of your own`,
    );
  if ((mode & 0o077) !== 0)
    throw new DeniedError(
      `${folder} is open to others (mode ${(mode & 0o777).toString(8)}); run \`chmod 700 ${folder}\``,
    );
}

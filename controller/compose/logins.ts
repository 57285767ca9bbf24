/**
 * Owns: saved logins in the moment of a start, and noticing that one was saved, so that who waits for it begins.
 * Never: keeps a token: each start reads the file anew, and nothing but the launch file has it.
 */
import { type FSWatcher, watch } from 'node:fs';
import { keyHelpers } from '../../adapters/profiles/claude-code/key-helper.ts';
import { RuntimeError } from '../../adapters/runtimes/runtime.ts';
import { readAccount } from '../../api/accounts.ts';
import type { DesiredInstance } from '../plan/desired-instance.ts';
import type { EffectRunnerOptions } from '../reconcile/effects/effect-runner.ts';
import type { Timers } from '../reconcile/work-queue.ts';

type BeforeStart = NonNullable<EffectRunnerOptions['beforeStart']>;

/** Throws RuntimeError, before anything is started, when the login has gone since the start was decided. */
export const withLogins =
  (
    beforeStart: BeforeStart,
    folder: string,
    warning: (desired: DesiredInstance, reason: string, message: string) => void,
  ): BeforeStart =>
  async (desired, hands) => {
    const more = await beforeStart(desired, hands);
    const { login } = desired.launch;
    if (!login) return more;
    const held = readAccount(folder, login.account);
    if ('refused' in held) throw new RuntimeError(held.refused);
    const helped = await helpers(desired, hands);
    if (helped.length > 0)
      warning(
        desired,
        'OtherLogin',
        `${helped.join(' and ')}: an apiKeyHelper there wins over claude.account "${login.account}"; take it out`,
      );
    return { ...more, env: { ...more.env, [login.variable]: held.token } };
  };

/** Only where the agent sees the machine's files. A place that cannot say is no reason not to start. */
async function helpers(
  { launch }: DesiredInstance,
  { runtime, transport }: Parameters<BeforeStart>[1],
): Promise<readonly string[]> {
  if (runtime.inside) return [];
  return keyHelpers(transport, launch).catch(() => []);
}

/** A save is a few events. */
const SETTLE_MS = 200;

/** A folder that cannot be watched is looked at with the next change of anything. */
export function watchLogins(folder: string, timers: Timers, onChange: () => void): Disposable {
  let cancel: (() => void) | undefined;
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(folder, { persistent: false }, () => {
      cancel ??= timers.after(SETTLE_MS, () => {
        cancel = undefined;
        onChange();
      });
    });
    watcher.on('error', () => undefined);
  } catch {
    // Told by the agents that wait.
  }
  return {
    [Symbol.dispose]() {
      cancel?.();
      watcher?.close();
    },
  };
}

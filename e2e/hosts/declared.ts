/**
 * Owns: a fleet, an SSH lab, and users of this machine who stand for hosts, declared to the fleet; all of it gone in the end.
 * Never: starts a controller, or touches a user it did not make.
 */
import { execFileSync } from 'node:child_process';
import { Fleet } from '../harness.ts';
import { SshLab } from '../ssh/lab.ts';

export class DeclaredHosts implements AsyncDisposable {
  readonly fleet = new Fleet();
  readonly lab = new SshLab();
  readonly users: string[] = [];

  /** A machine of its own as far as agents can tell: another user, with another home. Returns the user. */
  declare(name: string, sshd: { readonly address?: string; readonly port: number }, shell: 'bash' | 'dash'): string {
    const user = this.lab.user(shell);
    this.users.push(user);
    const spec = {
      address: sshd.address ?? '127.0.0.1',
      port: sshd.port,
      user,
      identity: this.lab.identity,
      knownHosts: [this.lab.knownHosts],
      sshConfig: 'none',
      runtimes: ['tmux'],
    };
    this.fleet.write(`agents/${name}/spec.yaml`, JSON.stringify({ apiVersion: 'sac/v1', kind: 'Host', spec }));
    return user;
  }

  /** What a test left on its hosts is its users'; they go, and so it must. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
    for (const user of this.users.splice(0))
      execFileSync('sh', [
        '-c',
        'pkill -KILL -u "$1" || true; while pgrep -u "$1" >/dev/null; do sleep 0.05; done',
        'sh',
        user,
      ]);
    await this.lab[Symbol.asyncDispose]();
  }
}

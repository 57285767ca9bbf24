/**
 * Owns: a network namespace for a test's host, joined to this machine by one cable that can be pulled; and its removal.
 * Never: touches an interface or a namespace that it did not make. Needs root.
 */
import { execFileSync } from 'node:child_process';

const ip = (...args: readonly string[]): string =>
  execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** RFC 2544: addresses for tests of networks, which lead nowhere else. */
const subnetOf = (number: number): { readonly here: string; readonly there: string } => {
  const at = (number % 32_768) * 4;
  const address = (last: number) => `198.${18 + (at >> 16)}.${(at >> 8) & 255}.${(at & 255) + last}`;
  return { here: address(1), there: address(2) };
};

export class Network implements Disposable {
  readonly name: string;
  /** Of the machine inside. */
  readonly address: string;
  readonly #cable: string;

  constructor(number: number) {
    const { here, there } = subnetOf(number);
    this.name = `sac-e2e-${number}`;
    this.address = there;
    this.#cable = `sv${number.toString(36)}`;
    ip('netns', 'add', this.name);
    try {
      ip('link', 'add', `${this.#cable}a`, 'type', 'veth', 'peer', 'name', `${this.#cable}b`, 'netns', this.name);
      ip('address', 'add', `${here}/30`, 'dev', `${this.#cable}a`);
      ip('-n', this.name, 'address', 'add', `${there}/30`, 'dev', `${this.#cable}b`);
      ip('-n', this.name, 'link', 'set', 'lo', 'up');
      ip('link', 'set', `${this.#cable}a`, 'up');
      this.plug();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Nothing comes through any more, and nobody is told: as a pulled cable. */
  cut(): void {
    ip('-n', this.name, 'link', 'set', `${this.#cable}b`, 'down');
  }

  plug(): void {
    ip('-n', this.name, 'link', 'set', `${this.#cable}b`, 'up');
  }

  [Symbol.dispose](): void {
    for (const remove of [
      ['link', 'delete', `${this.#cable}a`],
      ['netns', 'delete', this.name],
    ])
      try {
        ip(...remove);
      } catch {
        // Making it ended halfway.
      }
  }
}

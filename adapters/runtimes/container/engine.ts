/**
 * Owns: what differs between the container engines, as data.
 * Never: a way of doing things: that is one implementation for all.
 */
import type { ContainerRuntime } from '../../../api/resources/agent/place/container.ts';

export interface Engine {
  readonly kind: ContainerRuntime;
  /** Program of its command line. */
  readonly program: string;
  /** `<program> <version...>` prints a version only where the engine itself answers. */
  readonly version: readonly string[];
  /** Its answer when the engine cannot be reached: not the same as "there is nothing". */
  readonly unreachable: RegExp;
  /** Its answer when the image is not on the machine. */
  readonly noImage: RegExp;
  /** Its answer when the name is taken. */
  readonly nameTaken: RegExp;
  /** The event of a container's death, and how the name is printed. */
  readonly deathEvent: string;
  readonly eventFormat: string;
  /** Where the output goes: kept on the machine, bounded, and readable by `logs`. */
  readonly logFlags: readonly string[];
  /** Whether `logs` shows a line before it has ended. */
  readonly logsOpenLines: boolean;
  /** Whether the agent is to be given the controller's user: else its files would belong to root. */
  readonly runsAsRoot: boolean;
  /** Whether what watches a container leaves a file `oom` where its client was called from. */
  readonly notesEnds: boolean;
}

export const DOCKER: Engine = {
  kind: 'docker',
  program: 'docker',
  version: ['version', '--format', '{{.Server.Version}}'],
  unreachable:
    /cannot connect to the docker daemon|error during connect|is the docker daemon running|connection (?:refused|reset)|unexpected EOF|context deadline exceeded|i\/o timeout|daemon is shutting down|permission denied while trying to connect/i,
  noImage: /no such image|unable to find image/i,
  nameTaken: /container name "[^"]*" is already in use/i,
  deathEvent: 'die',
  eventFormat: '{{.Actor.Attributes.name}}',
  logFlags: ['--log-driver', 'json-file', '--log-opt', 'max-size=10m', '--log-opt', 'max-file=2'],
  logsOpenLines: false,
  runsAsRoot: true,
  notesEnds: false,
};

/** No daemon; without root the container's root is the user himself. */
export const PODMAN: Engine = {
  kind: 'podman',
  program: 'podman',
  version: ['version', '--format', '{{.Client.Version}}'],
  unreachable: /cannot connect to podman|connection refused|i\/o timeout/i,
  noImage: /image not known|no such image/i,
  nameTaken: /name "[^"]*" is already in use/i,
  deathEvent: 'died',
  eventFormat: '{{.Name}}',
  logFlags: ['--log-driver', 'k8s-file', '--log-opt', 'max-size=20mb'],
  logsOpenLines: true,
  runsAsRoot: false,
  notesEnds: true,
};

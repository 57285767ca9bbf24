/**
 * Owns: what tests of containers need: an image without a registry, options that this machine can carry out, cleaning up.
 * Never: touches a container that the test's own fleet did not make.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { ContainerOptions } from '../../adapters/runtimes/runtime.ts';
import { type ContainerRuntime, containerSchema } from '../../api/resources/agent/place/container.ts';

export type ImageKind = 'plain' | 'tmux';

/** Its tag; made when it is not there. */
export function image(engine: ContainerRuntime, kind: ImageKind): string {
  const tag = `sac-e2e-${kind}:1`;
  execFileSync('sh', [join(import.meta.dirname, 'image.sh'), engine, tag, kind], { stdio: 'ignore' });
  return tag;
}

/** What the manifest says here: raising limits is not permitted on every machine that runs these tests. */
export const manifestOptions = (engine: ContainerRuntime, tag: string) => ({
  image: tag,
  pull: 'never' as const,
  network: engine === 'docker' ? ('none' as const) : ('host' as const),
  ...(engine === 'podman' && { ociRuntime: 'runc', ulimits: ['nofile=1024:2048', 'nproc=100:100'] }),
});

export function launchOptions(
  engine: ContainerRuntime,
  tag: string,
  mounts: ContainerOptions['mounts'],
): ContainerOptions {
  const { mounts: _, mountHostClaude: __, ...rest } = containerSchema.parse(manifestOptions(engine, tag));
  return { ...rest, mounts };
}

export const engineRun = (engine: ContainerRuntime, ...args: readonly string[]) =>
  spawnSync(engine, args, { encoding: 'utf8', timeout: 60_000 });

/** Removes all containers of a fleet. */
export function removeFleet(engine: ContainerRuntime, fleet: string): void {
  const found = engineRun(engine, 'ps', '-aq', '--no-trunc', '--filter', `name=sac-${fleet}-`).stdout.trim();
  if (found !== '') engineRun(engine, 'rm', '-f', ...found.split('\n'));
}

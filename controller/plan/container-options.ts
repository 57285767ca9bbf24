/**
 * Owns: which paths of the host a container may see, and the options of its engine with those paths made absolute.
 * Never: looks at the host: symbolic links are judged by what they are called.
 */
import { type ContainerSpec, ENGINE_SOCKET } from '../../api/resources/container.ts';

export interface PlannedContainer extends Omit<ContainerSpec, 'mounts' | 'mountHostClaude'> {
  readonly mounts: readonly { readonly source: string; readonly target: string; readonly readOnly: boolean }[];
  readonly home?: string;
}

export interface HostPaths {
  /** The workspace: always in the container, at the same path. */
  readonly cwd: string;
  readonly userHome: string;
  /** Folders of the host that the fleet's policy lets containers see (SAC_ALLOW_HOST_PATHS). */
  readonly allowed: readonly string[];
}

/** No workspace: what is there steers the machine, and a workspace is writable. */
const RESERVED = [
  '/',
  '/etc',
  '/proc',
  '/sys',
  '/dev',
  '/run',
  '/var',
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/boot',
  '/root',
];

/** The options, or why they are refused, with the place in the manifest. */
export function planContainer(
  kind: string,
  { mounts, mountHostClaude, ...rest }: ContainerSpec,
  paths: HostPaths,
): { readonly options: PlannedContainer } | { readonly refused: string } {
  const cwd = tidy(paths.cwd);
  const allowed = paths.allowed.map(tidy);
  if (cwd.split('/').includes('..'))
    return { refused: `spec.workspace: ${paths.cwd} contains "..", which no container is given` };
  if ((RESERVED.includes(cwd) || ENGINE_SOCKET.test(cwd)) && !allowed.includes(cwd))
    return { refused: `spec.workspace: ${cwd} belongs to the machine and is not given to a container` };
  const resolved: PlannedContainer['mounts'][number][] = [];
  for (const [n, { source, target, readOnly }] of mounts.entries()) {
    const path = tidy(absolute(source, cwd, paths.userHome));
    if (![cwd, ...allowed].some((folder) => within(path, folder)))
      return {
        refused: `spec.place.${kind}.mounts[${n}].source: ${path} is outside of the workspace ${cwd}; the controller's SAC_ALLOW_HOST_PATHS says what else containers may see${allowed.length > 0 ? ` (now ${allowed.join(':')})` : ' (now nothing)'}`,
      };
    resolved.push({ source: path, target: target ?? path, readOnly });
  }
  return { options: { ...rest, mounts: resolved, ...(mountHostClaude && { home: tidy(paths.userHome) }) } };
}

const absolute = (path: string, cwd: string, home: string): string => {
  if (path.startsWith('/')) return path;
  if (path === '~' || path.startsWith('~/')) return `${home}${path.slice(1)}`;
  return `${cwd}/${path}`;
};
/** Without empty and `.` steps. */
const tidy = (path: string): string =>
  `/${path
    .split('/')
    .filter((step) => step !== '' && step !== '.')
    .join('/')}`;
const within = (path: string, folder: string): boolean =>
  path === folder || folder === '/' || path.startsWith(`${folder}/`);

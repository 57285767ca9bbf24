/**
 * Owns: which paths of the host a container may see, and the options of its engine with those paths made absolute.
 * Never: looks at the host: symbolic links are judged by what they are called.
 */
import { type ApptainerSpec, isRemoteImage } from '../../api/resources/agent/place/apptainer.ts';
import { type ContainerSpec, ENGINE_SOCKET } from '../../api/resources/agent/place/container.ts';

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

export interface PlannedApptainer extends Omit<ApptainerSpec, 'mounts' | 'mountHostClaude'> {
  readonly mounts: PlannedContainer['mounts'];
  readonly home?: string;
}

type Planned<T> = { readonly options: T } | { readonly refused: string };

/** The options, or why they are refused, with the place in the manifest. */
export function planContainer(
  kind: string,
  { mounts, mountHostClaude, ...rest }: ContainerSpec,
  paths: HostPaths,
): Planned<PlannedContainer> {
  const seen = planMounts(kind, mounts, paths);
  if ('refused' in seen) return seen;
  return {
    options: { ...rest, mounts: seen.options, ...(mountHostClaude && { home: tidy(paths.userHome) }) },
  };
}

/** The image and the overlay are host paths too, where they are not fetched. */
export function planApptainer(
  { mounts, mountHostClaude, image, overlay, ...rest }: ApptainerSpec,
  paths: HostPaths,
): Planned<PlannedApptainer> {
  const seen = planMounts('apptainer', mounts, paths);
  if ('refused' in seen) return seen;
  const file = isRemoteImage(image) ? { options: image } : judged('apptainer.image', image, paths);
  if ('refused' in file) return file;
  const kept = overlay === undefined ? undefined : judged('apptainer.overlay', overlay, paths);
  if (kept && 'refused' in kept) return kept;
  return {
    options: {
      ...rest,
      image: file.options,
      ...(kept && { overlay: kept.options }),
      mounts: seen.options,
      ...(mountHostClaude && { home: tidy(paths.userHome) }),
    },
  };
}

function planMounts(
  kind: string,
  mounts: ContainerSpec['mounts'],
  paths: HostPaths,
): Planned<PlannedContainer['mounts']> {
  const cwd = tidy(paths.cwd);
  if (cwd.split('/').includes('..'))
    return { refused: `spec.workspace: ${paths.cwd} contains "..", which no container is given` };
  if ((RESERVED.includes(cwd) || ENGINE_SOCKET.test(cwd)) && !paths.allowed.map(tidy).includes(cwd))
    return { refused: `spec.workspace: ${cwd} belongs to the machine and is not given to a container` };
  const resolved: PlannedContainer['mounts'][number][] = [];
  for (const [n, { source, target, readOnly }] of mounts.entries()) {
    const path = judged(`${kind}.mounts[${n}].source`, source, paths);
    if ('refused' in path) return path;
    resolved.push({ source: path.options, target: target ?? path.options, readOnly });
  }
  return { options: resolved };
}

/** A path of the host made absolute, if what is in it may be seen by a container. */
function judged(field: string, source: string, paths: HostPaths): Planned<string> {
  const cwd = tidy(paths.cwd);
  const allowed = paths.allowed.map(tidy);
  const path = tidy(absolute(source, cwd, paths.userHome));
  if ([cwd, ...allowed].some((folder) => within(path, folder))) return { options: path };
  return {
    refused: `spec.place.${field}: ${path} is outside of the workspace ${cwd}; the controller's SAC_ALLOW_HOST_PATHS says what else containers may see${allowed.length > 0 ? ` (now ${allowed.join(':')})` : ' (now nothing)'}`,
  };
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

/**
 * Owns: the container of an older manifest: engine, image, volumes, network, as sac's own section of that engine.
 * Never: makes a section that sac would refuse: such an agent is suspended, and nothing of it is run on the bare machine.
 */
import { apptainerSchema } from '../resources/agent/place/apptainer.ts';
import { type ContainerRuntime, containerSchema } from '../resources/agent/place/container.ts';
import { truth } from './duration-words.ts';
import { isMap, type Json, type JsonMap } from './json.ts';
import { listOf, type RuleContext, textOf } from './rule.ts';

/** Fields of the older generations that speak of a container, in the order of `ContainerFields`. */
export const CONTAINER_OLD = [
  'spec.container.image',
  'spec.container.volumes',
  'spec.container.network',
  'spec.container.mount_host_claude',
  'spec.image',
  'spec.user',
  'spec.apptainer.image',
  'spec.apptainer.overlay',
  'spec.apptainer.binds',
  'spec.apptainer.nv',
  'spec.apptainer.relaxed',
] as const;

type Value = Json | undefined;
interface Section {
  readonly runtime: ContainerRuntime | 'apptainer';
  readonly section: JsonMap;
}

/** What `spec.container` made without one being named. */
const DEFAULT_IMAGE = 'scitex-agent-container:latest';

/** `spec.container` of the first generations: `docker run`, its network the machine's own unless said otherwise. */
export function containerOf(engine: string, fields: readonly Value[], context: RuleContext): Section | undefined {
  const [image, volumes, network, claude] = fields;
  if (engine === 'apptainer') {
    const sif = textOf(image);
    // Without a .sif the old launcher took one that came with it.
    return apptainerSection({
      image: sif?.endsWith('.sif') ? sif : undefined,
      binds: listOf(volumes),
      more: {
        contain: false,
        ...(network === 'none' && { network: 'none' }),
        ...(truth(claude) && { mountHostClaude: true }),
      },
      context,
    });
  }
  if (engine !== 'docker' && engine !== 'podman') return undefined;
  return engineSection(
    engine,
    {
      image: textOf(image) ?? DEFAULT_IMAGE,
      ...volumesOf(listOf(volumes), context),
      network: textOf(network) ?? 'host',
      ...(truth(claude) && { mountHostClaude: true }),
    },
    context,
  );
}

/** `spec.runtime: docker` and the like, of the generations that lived in containers alone. */
export function engineOf(engine: string, fields: readonly Value[], context: RuleContext): Section | undefined {
  const [, , , , image, user, sif, overlay, binds, nv, relaxed] = fields;
  const uid = textOf(user);
  if (engine === 'docker' || engine === 'podman') {
    const named = textOf(image);
    if (named === undefined) {
      context.suspend('spec.runtime', `the container runtime ${engine} needs an image: declare place.${engine}`);
      return undefined;
    }
    const own = uid !== undefined && uid !== 'host';
    return engineSection(engine, { image: named, ...(own && { user: uid }) }, context);
  }
  if (uid !== undefined && uid !== 'host') context.warn('spec.user', 'apptainer runs as whoever starts it');
  const file = textOf(sif) ?? textOf(image);
  return apptainerSection({
    // A bare name was looked up in a folder of the old product.
    image: file !== undefined && /\/|\.sif$/.test(file) ? file : undefined,
    binds: listOf(binds),
    more: {
      ...(textOf(overlay) !== undefined && { overlay: textOf(overlay) ?? '' }),
      ...(truth(nv) && { nv: true }),
      ...(truth(relaxed) && { contain: false }),
    },
    context,
  });
}

function engineSection(runtime: ContainerRuntime, section: JsonMap, context: RuleContext): Section | undefined {
  const { error } = containerSchema.safeParse(section);
  if (error) {
    const [issue] = error.issues;
    context.suspend(
      'spec.container',
      `place.${runtime} cannot be made of it: ${issue?.path.join('.')} ${issue?.message}`,
    );
    return undefined;
  }
  context.warn('spec.container', 'the workspace is seen in the container at its own path, not at /workspace');
  return { runtime, section };
}

interface OldApptainer {
  readonly image: string | undefined;
  readonly binds: readonly Json[];
  readonly more: JsonMap;
  readonly context: RuleContext;
}

/** What an agent with a terminal needs, sac has nowhere below apptainer: its fields are converted, and it is left at rest. */
function apptainerSection({ image, binds, more, context }: OldApptainer): Section | undefined {
  const { mounts, volumes } = volumesOf(binds, context);
  const section = { ...(image !== undefined && { image }), ...(mounts && { mounts }), ...more };
  const fits = volumes === undefined && apptainerSchema.safeParse(section).success;
  context.suspend(
    'spec.runtime',
    fits
      ? 'apptainer gives an agent no terminal in sac'
      : 'apptainer is not converted: declare place.apptainer with the path of an image instead',
  );
  return fits ? { runtime: 'apptainer', section } : undefined;
}

/** `source:target[:ro|rw]` or {src, dst, mode}; what begins like a path is a path of the host, the rest names a volume. */
function volumesOf(
  written: readonly Json[],
  { warn }: RuleContext,
): { readonly mounts?: readonly JsonMap[]; readonly volumes?: readonly string[] } {
  const mounts: JsonMap[] = [];
  const volumes: string[] = [];
  for (const one of written) {
    const [source = '', target = '', mode = 'rw'] = isMap(one)
      ? [one['src'], one['dst'], one['mode']].map((part) => (part === undefined ? undefined : String(part)))
      : String(one).split(':');
    const readOnly = mode.split(',').includes('ro');
    if (/^[/~.]|\//.test(source)) mounts.push({ source, ...(target !== '' && { target }), readOnly });
    else volumes.push(`${source}:${target}${readOnly ? ':ro' : ''}`);
  }
  if (mounts.length > 0)
    warn('spec.container.volumes', 'paths of the host outside of the workspace need SAC_ALLOW_HOST_PATHS');
  return { ...(mounts.length > 0 && { mounts }), ...(volumes.length > 0 && { volumes }) };
}

/** The way back, for what was edited since or never was old. */
export function containerBack(runtime: string, section: Json | undefined): readonly Value[] {
  if (!isMap(section)) return [];
  const mounts = listOf(section['mounts']).filter(isMap);
  const paths = mounts.map(
    ({ source = '', target = source, readOnly = true }) =>
      `${String(source)}:${String(target)}${readOnly === true ? ':ro' : ''}`,
  );
  const all = [...paths, ...listOf(section['volumes'])];
  const { network, mountHostClaude } = section;
  // Whatever is not said is bridge in sac, and was host.
  const told = network ?? (runtime === 'apptainer' ? undefined : 'bridge');
  return [section['image'], all.length === 0 ? undefined : all, told === 'host' ? undefined : told, mountHostClaude];
}

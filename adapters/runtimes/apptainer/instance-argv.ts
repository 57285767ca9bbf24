/**
 * Owns: what Apptainer is told for one launch, and what its `instance list --json` says. Pure.
 * Never: passes environment or secrets this way (they are in the launch file), or a flag the manifest cannot name.
 */
import { z } from 'zod';
import { fleetOf, type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import { INSIDE, mount } from '../container/run-argv.ts';
import { type ApptainerOptions, type Launch, RuntimeError } from '../runtime.ts';

/** Instances have no labels: the name, with the fleet's id in it, is what makes one ours. */
export const apptainerName = (id: InstanceId): string => `sac-${fleetOf(id)}-${instanceNameOf(id)}`;

export function apptainerOptionsOf({ id, options }: Launch): ApptainerOptions {
  if (!options.apptainer)
    throw new RuntimeError(`${instanceNameOf(id)}: place.apptainer.image says which image to use; it is missing`);
  return options.apptainer;
}

/** Arguments of `apptainer instance start` without the instance's name: flags and the image. */
export function instanceArguments(launch: Launch, launchFile: string): readonly string[] {
  const { image, contain, network, nv, overlay, mounts, cpus, memory, pids } = apptainerOptionsOf(launch);
  return [
    ...(contain ? ['--containall'] : []),
    '--no-privs',
    ...(overlay === undefined ? ['--writable-tmpfs'] : ['--overlay', overlay]),
    ...(network === 'none' ? ['--net', '--network', 'none'] : []),
    ...(nv ? ['--nv'] : []),
    ...(cpus === undefined ? [] : ['--cpus', `${cpus}`]),
    ...(memory === undefined ? [] : ['--memory', memory]),
    ...(pids === undefined ? [] : ['--pids-limit', `${pids}`]),
    ...mount(launch.cwd, launch.cwd, false),
    ...mount(launchFile, INSIDE.launch, true),
    ...mounts.flatMap(({ source, target, readOnly }) => mount(source, target, readOnly)),
    image,
  ];
}

export interface ApptainerInstance {
  readonly name: string;
  readonly pid: number;
  readonly image: string;
}

const listSchema = z.object({
  instances: z.array(z.object({ instance: z.string(), pid: z.number(), img: z.string() })),
});

/** Throws RuntimeError for what is not such a list: an empty answer is not "there is none". */
export function parseInstances(text: string): readonly ApptainerInstance[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new RuntimeError('apptainer listed its instances in a way that is not understood');
  }
  const parsed = listSchema.safeParse(json);
  if (!parsed.success) throw new RuntimeError('apptainer listed its instances in a way that is not understood');
  return parsed.data.instances.map(({ instance, pid, img }) => ({ name: instance, pid, image: img }));
}

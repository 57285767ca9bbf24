import { describe, expect, it } from 'vitest';
import { agentSpecSchema } from '../agent.ts';
import { withoutOldIdle } from './sections.ts';

const problems = (place: object): readonly string[] =>
  agentSpecSchema
    .safeParse({ command: ['x'], place })
    .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('a section that the runtime does not read', () => {
  it.each([
    [{ runtime: 'docker', docker: { image: 'a' }, slurm: { partition: 'long' } }, 'slurm', 'docker', 'slurm'],
    [{ runtime: 'tmux', docker: { image: 'a' } }, 'docker', 'tmux', 'docker'],
    [{ runtime: 'podman', podman: { image: 'a' }, docker: { image: 'a' } }, 'docker', 'podman', 'docker'],
    [{ runtime: 'slurm-tenant', reservation: 'lab', slurm: { mem: '1G' } }, 'slurm', 'slurm-tenant', 'slurm'],
    [{ runtime: 'tmux', apptainer: { image: 'a' } }, 'apptainer', 'tmux', 'apptainer'],
  ])('%j is refused at its place, with what to do', (place, section, runtime, instead) => {
    expect(problems(place)).toEqual([
      `place.${section}: would do nothing: place.runtime is ${runtime}. Take it out, or say runtime: ${instead}`,
    ]);
  });

  it('is refused beside a wrong field too, and where no runtime is named', () => {
    expect(problems({ docker: { image: 'a' }, tmux: { width: 1 } })).toEqual([
      expect.stringMatching(/^place\.tmux\.width: /),
      'place.docker: would do nothing: place.runtime is auto, which is tmux or process. Take it out, or say runtime: docker',
    ]);
  });

  it.each([
    { tmux: { width: 100 }, process: { logFiles: 7 } },
    { runtime: 'docker', docker: { image: 'a' }, tmux: { width: 100 } },
    { runtime: 'process', tmux: { width: 100 }, slurm: {} },
    { runtime: 'tmux', process: { logFiles: 7 } },
    { runtime: 'apptainer', apptainer: { image: 'a.sif' }, process: { logFiles: 7 } },
    { runtime: 'slurm', slurm: { mem: '1G' }, tmux: { width: 100 } },
  ])('%j is no such thing', (place) => expect(problems(place)).toEqual([]));

  it('what is stored with all its defaults can be applied again, to any runtime', () => {
    const stored = agentSpecSchema.parse({ command: ['x'], place: { runtime: 'process' } });
    expect(problems(JSON.parse(JSON.stringify(stored.place)))).toEqual([]);
  });
});

describe('a stored spec of a time in which such sections were allowed', () => {
  const stored = agentSpecSchema.parse({ command: ['x'], place: { runtime: 'tmux' } });
  const old = { ...stored, place: { ...stored.place, docker: { image: 'a' } } };

  it('is changed elsewhere without being refused for them', () => {
    expect(agentSpecSchema.safeParse({ ...old, suspend: true }).success).toBe(false);
    expect(agentSpecSchema.parse(withoutOldIdle({ ...old, suspend: true }, old))).toEqual({ ...stored, suspend: true });
  });

  it('is not kept from using them, nor allowed to say something new in them', () => {
    const now = { ...old, place: { ...old.place, runtime: 'docker' } };
    expect(agentSpecSchema.parse(withoutOldIdle(now, old))).toEqual(agentSpecSchema.parse(now));
    const other = { ...old, place: { ...old.place, docker: { image: 'b' } } };
    expect(agentSpecSchema.safeParse(withoutOldIdle(other, old)).success).toBe(false);
    expect(agentSpecSchema.safeParse(withoutOldIdle(old, stored)).success).toBe(false);
  });
});

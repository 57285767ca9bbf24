/** Owns: `sac render` against the built CLI. Never: starts a job. */
import { describe, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';

const SECRET = 'hunter2-correct-horse';

describe('sac render', () => {
  it('shows the job script a slurm agent would get, and of others the launch; never a secret', async () => {
    await using fleet = new Fleet({}, { calls: 'here' });
    await fleet.controller();
    const env = { API_TOKEN: SECRET, MODE: 'fast' };
    const command = ['sh', '-c', `echo ${SECRET}; sleep 1000`, '--password', 'letmein-please'];
    fleet.write(
      'job.yaml',
      execManifest('job', command, {
        env,
        suspend: true,
        place: { runtime: 'slurm', slurm: { partition: 'main', mem: '2G' } },
      }),
    );
    fleet.write('web.yaml', execManifest('web', command, { env, suspend: true, place: { runtime: 'screen' } }));
    await fleet.ok(['apply', '-f', 'job.yaml', '-f', 'web.yaml']);
    const script = await until('the script', async () => {
      const { code, stdout } = await fleet.here(['render', 'job']);
      return code === 0 && stdout.startsWith('#!/bin/bash') ? stdout : undefined;
    });
    expect(script).toContain('#SBATCH --partition=main');
    expect(script).toContain('#SBATCH --mem=2G');
    const launch = await fleet.json(['render', 'web']);
    expect(launch).toMatchObject({ instance: 'web', place: 'local/screen', cwd: expect.stringContaining('web') });
    expect(launch.env).toEqual(expect.arrayContaining(['API_TOKEN', 'MODE']));
    expect(launch.argv.slice(0, 2)).toEqual(['sh', '-c']);
    const yaml = await fleet.ok(['render', 'web']);
    for (const text of [script, JSON.stringify(launch), yaml, JSON.stringify(await fleet.json(['render', 'job']))]) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain('letmein-please');
    }
    expect((await fleet.here(['render', 'nobody'])).code).toBe(3);
  });
});

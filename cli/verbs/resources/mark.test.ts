import { describe, expect, it } from 'vitest';
import { EXIT } from '../../../api/resources/errors.ts';
import { agent, fakeContext, fleet } from '../../fake-context.ts';
import { run as scale } from '../agents/scale.ts';
import { run as remove } from './delete.ts';
import { run as mark } from './mark.ts';

describe('sac scale, label, annotate', () => {
  it('scale changes replicas, and says from what', async () => {
    const { client, patches } = fleet(agent('web'));
    const context = fakeContext({ client });
    expect(await scale(['web'], { replicas: '3' }, context)).toBe(EXIT.done);
    expect(patches).toEqual([{ spec: { replicas: 3 } }]);
    expect(context.out.text).toBe('agent/web scaled from 1 to 3\n');
    await expect(scale(['web'], { replicas: '-1' }, context)).rejects.toMatchObject({ exitCode: EXIT.usage });
  });
  const labelled = agent('web', { metadata: { labels: { role: 'w' } } });
  it('label sets and removes in one patch', async () => {
    const { client, patches } = fleet(labelled);
    await mark(['web', 'team=a', 'role-'], { verb: 'label' }, fakeContext({ client }));
    expect(patches).toEqual([{ metadata: { labels: { team: 'a', role: null }, resourceVersion: 7 } }]);
  });
  it('label overwrites only when told to', async () => {
    const { client, patches } = fleet(labelled, agent('api'));
    const context = fakeContext({ client });
    expect(await mark(['role=x'], { verb: 'label', all: true }, context)).toBe(EXIT.conflict);
    expect(context.err.text).toContain('agent/web has role=w already');
    expect(context.out.text).toBe('agent/api labeled\n');
    await mark(['web', 'role=x'], { verb: 'label', overwrite: true }, context);
    expect(patches.at(-1)).toEqual({ metadata: { labels: { role: 'x' } } });
  });
  it.each(['client', 'server'])(
    'a dry run (%s) says what would be, and nothing is changed by the client',
    async (dryRun) => {
      const { client, patches, asked } = fleet(labelled);
      const context = fakeContext({ client });
      await mark(['web', 'team=a'], { verb: 'label', dryRun }, context);
      await mark(['web', 'note=a'], { verb: 'annotate', dryRun }, context);
      await scale(['web'], { replicas: '3', dryRun, wait: true }, context);
      await remove(['web'], { dryRun }, context);
      expect(context.out.text.split('\n')).toEqual([
        'agent/web labeled (dry run)',
        'agent/web annotated (dry run)',
        'agent/web scaled from 1 to 3 (dry run)',
        'agent/web deleted (dry run)',
        '',
      ]);
      expect(patches.map((patch) => Reflect.get(patch, 'dryRun'))).toEqual(
        dryRun === 'client' ? [] : [true, true, true],
      );
      expect(asked.filter((what) => what.startsWith('remove'))).toEqual(dryRun === 'client' ? [] : ['remove web']);
      for (const run of [mark, scale, remove])
        await expect(
          run(['web', ...(run === mark ? ['a=b'] : [])], { verb: 'label', replicas: '2', dryRun: 'sever' }, context),
        ).rejects.toMatchObject({ exitCode: EXIT.usage });
    },
  );
  it('label says so when nothing changes', async () => {
    const context = fakeContext(fleet(labelled));
    expect(await mark(['web', 'role=w', 'absent-'], { verb: 'label' }, context)).toBe(EXIT.done);
    expect(context.out.text).toBe('agent/web unchanged\n');
  });
  it.each([[['web']], [['web', 'a=1', 'a-']], [['web', '=x']]])('label refuses %j', async (args) =>
    expect(mark(args, { verb: 'label' }, fakeContext())).rejects.toMatchObject({ exitCode: EXIT.usage }),
  );
});

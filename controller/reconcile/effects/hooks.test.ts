/** A hook that hangs or fails costs nobody anything but its own time. */
import { expect, it } from 'vitest';
import { type RunOptions, type Transport, TransportError } from '../../../adapters/transport/transport.ts';
import { createRunHook } from './hooks.ts';

const run = async (answer: () => Promise<{ code: number; stdout: string; stderr: string }>) => {
  const asked: { argv: readonly string[]; options: RunOptions | undefined }[] = [];
  const problems: string[] = [];
  const transport = {
    run: (argv: readonly string[], options?: RunOptions) => {
      asked.push({ argv, options });
      return answer();
    },
  } as Partial<Transport> as Transport;
  await createRunHook((_hook, problem) => problems.push(problem))(
    'do it',
    { agent: 'web', point: 'pre_stop' },
    transport,
  );
  return { asked, problems };
};

it('runs the text as it was written, once, and for a bounded time', async () => {
  const { asked, problems } = await run(async () => ({ code: 0, stdout: '', stderr: '' }));
  expect(asked).toHaveLength(1);
  expect(asked[0]?.argv).toEqual(['env', 'SAC_AGENT=web', 'SAC_HOOK=pre_stop', 'sh', '-c', 'do it']);
  expect(asked[0]?.options?.timeoutMs).toBe(60_000);
  expect(problems).toEqual([]);
});

it('that fails or hangs is told, and nothing is thrown', async () => {
  expect((await run(async () => ({ code: 3, stdout: '', stderr: 'no\n' }))).problems).toEqual([
    'exited with code 3: no',
  ]);
  const hangs = await run(() => Promise.reject(new TransportError('timeout', 'took too long')));
  expect(hangs.problems).toEqual(['took too long']);
});

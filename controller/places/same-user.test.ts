import { expect, it } from 'vitest';
import type { Transport } from '../../adapters/transport/transport.ts';
import { type HostName, LOCAL_HOST } from '../../api/resources/names.ts';
import { noTransport } from '../../sim/world/fake-runtime.ts';
import { sameAs, whoAnswers, withheldBy } from './same-user.ts';

const answering = (code: number, stdout: string): Transport => ({
  ...noTransport(LOCAL_HOST),
  run: async () => ({ code, stdout, stderr: '' }),
});

it('who answers is told by boot, process namespace and user together, and not where one of them is not known', async () => {
  const who = (code: number, ...lines: readonly string[]) =>
    whoAnswers(answering(code, `${lines.join('\n')}\n`), 1_000);
  expect(await who(0, 'b1', 'pid:[1]', '0')).toBe(await who(0, 'b1', 'pid:[1]', '0'));
  const others = [
    await who(0, 'b2', 'pid:[1]', '0'),
    await who(0, 'b1', 'pid:[2]', '0'),
    await who(0, 'b1', 'pid:[1]', '7'),
  ];
  expect(others).not.toContain(await who(0, 'b1', 'pid:[1]', '0'));
  expect(await who(1, 'b1')).toBeUndefined();
  expect(await who(0, 'b1', '0')).toBeUndefined();
});

it('what a user has once is withheld from the second name for it, with the first', () => {
  expect(withheldBy(undefined).size).toBe(0);
  expect([...withheldBy('box' as HostName).keys()].sort()).toEqual(['process', 'screen', 'tmux']);
  expect(withheldBy('box' as HostName).get('tmux')).toContain('host box leads to the same user');
  expect(sameAs(LOCAL_HOST)).toContain('the controller runs as');
});

import { describe, expect, it } from 'vitest';
import { ConflictError } from '../../api/resources/errors.ts';
import { hostSpecSchema } from '../../api/resources/kinds/host.ts';
import { canonicalJson } from '../plan/launch-hash.ts';
import type { ObjectRecord } from '../store/store.ts';
import { assertSameMachine } from './host-moves.ts';

const host = (spec: object): ObjectRecord => ({
  kind: 'Host',
  name: 'far',
  labels: {},
  annotations: {},
  spec: hostSpecSchema.parse({ address: 'a.example', user: 'u', ...spec }),
  generation: 1,
  createdAt: 0,
  source: { kind: 'apply', name: 'cli' },
  status: {},
});
const change = (spec: object, who: string | undefined = 'an agent lives there (web); drain it') => {
  assertSameMachine(host({}), host(spec), { canonical: canonicalJson, living: () => who });
};

describe('a Host that agents live on', () => {
  it.each([
    { address: 'b.example' },
    { port: 2222 },
    { user: 'v' },
    { jump: ['bastion'] },
    { sshConfig: '/etc/other' },
  ])('is not made another machine by %j', (spec) => {
    expect(() => change(spec)).toThrow(ConflictError);
    expect(() => change(spec)).toThrow(
      new RegExp(`^host/far: another ${Object.keys(spec)[0]} may lead .*lives there \\(web\\).*--force-conflicts`),
    );
  });

  it.each([
    {},
    { cordoned: true },
    { drain: 'now' },
    { maxAgents: 3 },
    { identity: '~/.ssh/other' },
    { knownHosts: ['/k'] },
    { runtimes: ['tmux'] },
    { loginShell: true },
  ])('takes %j', (spec) => expect(() => change(spec)).not.toThrow());
});

it('a Host that nobody lives on becomes any machine', () => {
  assertSameMachine(host({}), host({ address: 'b.example' }), { canonical: canonicalJson, living: () => undefined });
});

import { expect, it } from 'vitest';
import { containerSchema } from '../../../api/resources/agent/place/container.ts';
import type { FleetId, HostName, InstanceId } from '../../../api/resources/names.ts';
import type { RunResult, Transport } from '../../transport/transport.ts';
import type { Launch } from '../runtime.ts';
import { Containers } from './containers.ts';
import { DOCKER } from './engine.ts';
import { Starts } from './starts.ts';

const ID = '00abcdef.web' as InstanceId;
const CONTAINER = 'c0ffee'.repeat(10);
const TAKEN: RunResult = {
  code: 125,
  stdout: '',
  stderr: `docker: Error response from daemon: Conflict. The container name "/sac-00abcdef-web" is already in use by container "${CONTAINER}".\n`,
};
const ABSENT: RunResult = { code: 1, stdout: '', stderr: 'Error: No such container: sac-00abcdef-web\n' };
const BEGUN: RunResult = { code: 0, stdout: `${CONTAINER}\n`, stderr: '' };

const seen = (state: { readonly incarnation: number; readonly hash: string }): RunResult => {
  const noted = ['4711', '99', '', '', '4711'];
  const fields = [...noted, CONTAINER, '/sac-00abcdef-web', `${state.incarnation}`, 'running', '0', 'false'];
  const times = ['"2026-11-22T00:00:00.5Z"', '"0001-01-01T00:00:00Z"'];
  const labels = ['00abcdef', ID, state.hash, '["/.sac/init.sh","120","40","2000"]'];
  return { code: 0, stdout: `${[...fields, ...times, ...labels].join('\t')}\n`, stderr: '' };
};

const { mounts: _, mountHostClaude: __, ...docker } = containerSchema.parse({ image: 'agent:1' });
const LAUNCH: Launch = {
  id: ID,
  incarnation: 1_000,
  launchHash: 'abc',
  argv: ['agent'],
  env: {},
  envFiles: [],
  cwd: '/work',
  preStart: [],
  postStart: [],
  options: {
    tmux: { width: 120, height: 40, historyLimit: 2_000 },
    process: { logMaxBytes: 1_024, logFiles: 2 },
    docker: { ...docker, mounts: [] },
  },
};

/** An engine that answers each `run` and each look with what comes next; the last answers stay. */
function engine(answers: { readonly run: readonly RunResult[]; readonly look: readonly RunResult[] }) {
  const next = { run: [...answers.run], look: [...answers.look] };
  const asked: string[] = [];
  const answer = (what: 'run' | 'look'): RunResult => {
    asked.push(what);
    const [first = ABSENT] = next[what];
    if (next[what].length > 1) next[what].shift();
    return first;
  };
  const transport: Transport = {
    host: 'local' as HostName,
    run: async (argv) => {
      if (argv[3] === 'sac-start') return answer('run');
      if (argv[3] === 'sac-list') return answer('look');
      throw new Error(`not expected: ${argv.join(' ')}`);
    },
    converse: () => ({
      write: () => undefined,
      closed: new Promise(() => undefined),
      [Symbol.dispose]: () => undefined,
    }),
    putFiles: async () => undefined,
    interactive: (argv) => argv,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const dirs = { run: '/run', logs: '/logs' };
  const context = { fleet: '00abcdef' as FleetId, dirs, now: Date.now, timeoutMs: 1_000 };
  return { asked, starts: new Starts(context, DOCKER, transport, new Containers(context, DOCKER, transport)) };
}

it('waits while the name is taken by a container that cannot be seen yet', async () => {
  const { starts, asked } = engine({
    run: [TAKEN],
    look: [ABSENT, ABSENT, seen({ incarnation: 1_000, hash: 'abc' })],
  });
  await starts.start(LAUNCH);
  expect(asked).toEqual(['run', 'look', 'run', 'look', 'run', 'look']);
});

it('takes the name when whoever had it was cut off before there was a container', async () => {
  const { starts, asked } = engine({ run: [TAKEN, TAKEN, BEGUN], look: [ABSENT] });
  await starts.start(LAUNCH);
  expect(asked).toEqual(['run', 'look', 'run', 'look', 'run']);
});

it('is refused by another launch that is seen only then', async () => {
  const { starts } = engine({ run: [TAKEN], look: [ABSENT, seen({ incarnation: 900, hash: 'fff' })] });
  await expect(starts.start(LAUNCH)).rejects.toThrow(/still runs another launch/);
});

it('is content when its own container was begun by somebody else, whatever its own client said', async () => {
  const raced: RunResult = { code: 125, stdout: '', stderr: 'Error: container state improper\n' };
  const { starts } = engine({ run: [raced], look: [seen({ incarnation: 1_000, hash: 'abc' })] });
  await starts.start(LAUNCH);
  const other = engine({ run: [raced], look: [seen({ incarnation: 900, hash: 'abc' })] });
  await expect(other.starts.start(LAUNCH)).rejects.toThrow(/container state improper/);
});

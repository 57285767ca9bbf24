import { describe, expect, it } from 'vitest';
import { containerSchema } from '../../../api/resources/agent/place/container.ts';
import type { InstanceId } from '../../../api/resources/names.ts';
import type { ContainerOptions, Launch } from '../runtime.ts';
import { DOCKER, PODMAN } from './engine.ts';
import { mount, runArguments } from './run-argv.ts';

const FILES = { launch: '/run/sac/launch/web.1000.sh', init: '/run/sac/init.sh' };
const options = (change: object = {}): ContainerOptions => {
  const { mounts: _, mountHostClaude: __, ...rest } = containerSchema.parse({ image: 'agent:1' });
  return { ...rest, mounts: [], ...change };
};
const launch = (change: object = {}): Launch => ({
  id: 'f1ee7000.web' as InstanceId,
  incarnation: 1000,
  launchHash: 'abc',
  argv: ['claude', '--secret-argument'],
  env: { TOKEN: 'canary' },
  envFiles: [],
  cwd: '/srv/web',
  preStart: [],
  postStart: [],
  options: {
    tmux: { width: 120, height: 40, historyLimit: 100 },
    process: { logMaxBytes: 4096, logFiles: 1 },
    docker: options(change),
    podman: options(change),
  },
});
const args = (change: object = {}, engine = DOCKER) => runArguments(engine, launch(change), FILES);
const valuesOf = (flag: string, all: readonly string[]) => all.filter((_, i) => all[i - 1] === flag);

describe('what an engine is told to run', () => {
  it.each([DOCKER, PODMAN])('carries our labels, the workspace, and no environment: $kind', (engine) => {
    const all = args({}, engine);
    expect(valuesOf('--label', all)).toEqual([
      'sac.fleet=f1ee7000',
      'sac.id=f1ee7000.web',
      'sac.incarnation=1000',
      'sac.launch-hash=abc',
    ]);
    expect(valuesOf('--name', all)).toEqual(['sac-f1ee7000-web']);
    expect(valuesOf('--mount', all)).toEqual([
      'type=bind,source=/srv/web,target=/srv/web',
      'type=bind,source=/run/sac/launch/web.1000.sh,target=/.sac/launch.sh,readonly',
      'type=bind,source=/run/sac/init.sh,target=/.sac/init.sh,readonly',
    ]);
    expect(all.join('\n')).not.toMatch(/canary|secret-argument|--env\b|--privileged/);
    expect(all.slice(-6)).toEqual(['agent:1', '/.sac/init.sh', '/.sac/launch.sh', '120', '40', '100']);
  });
  it('confines by default', () => {
    const all = args();
    expect(valuesOf('--cap-drop', all)).toEqual(['all']);
    expect(valuesOf('--security-opt', all)).toEqual(['no-new-privileges']);
    expect(valuesOf('--restart', all)).toEqual(['no']);
  });
  it('says what the manifest says', () => {
    const all = args({
      network: 'none',
      user: '1000:1000',
      cpus: 0.5,
      memory: '64m',
      pids: 50,
      ulimits: ['nofile=1024:2048'],
      readOnlyRootfs: true,
      ociRuntime: 'runc',
      volumes: ['cache:/cache'],
      mounts: [{ source: '/srv/data', target: '/data', readOnly: true }],
      capAdd: ['CHOWN'],
    });
    for (const [flag, value] of [
      ['--network', 'none'],
      ['--user', '1000:1000'],
      ['--cpus', '0.5'],
      ['--memory', '64m'],
      ['--memory-swap', '64m'],
      ['--pids-limit', '50'],
      ['--ulimit', 'nofile=1024:2048'],
      ['--runtime', 'runc'],
      ['--volume', 'cache:/cache'],
      ['--tmpfs', '/tmp:mode=1777'],
      ['--cap-add', 'CHOWN'],
    ] as const)
      expect(valuesOf(flag, all)).toEqual([value]);
    expect(all).toContain('--read-only');
    expect(valuesOf('--mount', all)).toContain('type=bind,source=/srv/data,target=/data,readonly');
  });
  it('keeps commas, quotes and line breaks of a path in the path', () =>
    expect(mount('/a,b "c"\n', '/d', true)).toEqual(['--mount', 'type=bind,"source=/a,b ""c""\n",target=/d,readonly']));
  it('needs the manifest to say which image', () => {
    const { docker: _, ...rest } = launch().options;
    expect(() => runArguments(DOCKER, { ...launch(), options: rest }, FILES)).toThrow(/place\.docker\.image/);
  });
  it('refuses a home that would be read as options', () =>
    expect(() => args({ home: '/home/a,b' })).toThrow(/mountHostClaude/));
});

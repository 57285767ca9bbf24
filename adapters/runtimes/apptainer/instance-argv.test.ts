import { describe, expect, it } from 'vitest';
import { apptainerSchema } from '../../../api/resources/agent/place/apptainer.ts';
import type { InstanceId } from '../../../api/resources/names.ts';
import type { Launch } from '../runtime.ts';
import { apptainerName, instanceArguments, parseInstances } from './instance-argv.ts';

const launch = (change: object = {}): Launch => {
  const { mounts: _, mountHostClaude: __, ...options } = apptainerSchema.parse({ image: '/srv/web/agent.sif' });
  return {
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
      apptainer: { ...options, mounts: [], ...change },
    },
  };
};
const args = (change: object = {}) => instanceArguments(launch(change), '/run/sac/web.sh');

describe('what apptainer is told to start', () => {
  it('is contained, forgets what it writes, and sees the workspace and its launch file alone', () =>
    expect(args()).toEqual([
      '--containall',
      '--no-privs',
      '--writable-tmpfs',
      '--mount',
      'type=bind,source=/srv/web,target=/srv/web',
      '--mount',
      'type=bind,source=/run/sac/web.sh,target=/.sac/launch.sh,readonly',
      '/srv/web/agent.sif',
    ]));
  it('says what the manifest says', () => {
    const all = args({
      contain: false,
      overlay: '/srv/web/over.img',
      network: 'none',
      nv: true,
      cpus: 1.5,
      memory: '2g',
      pids: 99,
      mounts: [{ source: '/srv/a,b', target: '/data', readOnly: false }],
      image: 'docker://debian:12',
    }).join(' ');
    expect(all).not.toContain('--containall');
    expect(all).toContain(
      '--overlay /srv/web/over.img --net --network none --nv --cpus 1.5 --memory 2g --pids-limit 99',
    );
    expect(all).not.toContain('--writable-tmpfs');
    expect(all).toContain('type=bind,"source=/srv/a,b",target=/data');
    expect(all.endsWith(' docker://debian:12')).toBe(true);
  });
  it('holds no environment and no arguments of the agent', () =>
    expect(args().join(' ')).not.toMatch(/canary|secret-argument|--env/));
  it('needs the manifest to say which image', () => {
    const { apptainer: _, ...options } = launch().options;
    expect(() => instanceArguments({ ...launch(), options }, '/x')).toThrow(/place\.apptainer\.image/);
  });
});

/** As `apptainer instance list --json` of 1.x prints it: encoding/json, indented by tabs. */
const RECORDED = `{
	"instances": [
		{
			"instance": "sac-f1ee7000-web",
			"pid": 11963,
			"img": "/home/user/agent.sif",
			"ip": "",
			"logErrPath": "/home/user/.apptainer/instances/logs/node1/user/sac-f1ee7000-web.err",
			"logOutPath": "/home/user/.apptainer/instances/logs/node1/user/sac-f1ee7000-web.out"
		},
		{
			"instance": "lolcow",
			"pid": 11965,
			"img": "/home/user/lolcow.sif",
			"ip": "10.22.0.7",
			"logErrPath": "/home/user/.apptainer/instances/logs/node1/user/lolcow.err",
			"logOutPath": "/home/user/.apptainer/instances/logs/node1/user/lolcow.out"
		}
	]
}
`;

describe('the list of instances', () => {
  it('is read', () =>
    expect(parseInstances(RECORDED)).toEqual([
      { name: apptainerName('f1ee7000.web' as InstanceId), pid: 11963, image: '/home/user/agent.sif' },
      { name: 'lolcow', pid: 11965, image: '/home/user/lolcow.sif' },
    ]));
  it('may be empty', () => expect(parseInstances('{\n\t"instances": []\n}\n')).toEqual([]));
  it.each(['', 'INSTANCE NAME    PID    IP    IMAGE\n', '{}', '{"instances":[{"instance":1}]}'])('is not %j', (text) =>
    expect(() => parseInstances(text)).toThrow(/not understood/),
  );
});

describe('the image', () => {
  it.each(['agent.sif', '~/images/a.sif', '/srv/sandbox', 'docker://debian:12', 'oras://ghcr.example/a/b:1'])(
    'may be %s',
    (image) => expect(apptainerSchema.parse({ image }).image).toBe(image),
  );
  it.each(['', '../a.sif', 'http://example.org/a.sif', 'docker://a b', '/run/docker.sock', 'a\nb'])(
    'may not be %j',
    (image) => expect(apptainerSchema.safeParse({ image }).success).toBe(false),
  );
});

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Hop } from '../../adapters/transport/ssh/ssh-transport.ts';
import { until } from '../harness.ts';
import { failure, type Sshd, SshLab } from './lab.ts';

let lab: SshLab;
let target: Sshd;
let first: Sshd;
let second: Sshd;
let only: { readonly jump: readonly Hop[] };
beforeAll(async () => {
  lab = new SshLab();
  first = await lab.sshd();
  second = await lab.sshd();
  target = await lab.sshd();
  only = {
    jump: [first, second].map(({ port }) => ({ address: '127.0.0.1', port, user: 'root', identityFile: lab.identity })),
  };
});
afterAll(() => lab[Symbol.asyncDispose]());

describe('hops', () => {
  it('two of them, one after the other', async () => {
    const t = lab.transport(target, only);
    expect((await t.run(['echo', 'in'])).stdout).toBe('in\n');
    expect(first.processes.length).toBeGreaterThan(1);
    expect(second.processes.length).toBeGreaterThan(1);
    await t[Symbol.asyncDispose]();
    await until('all connections are closed', () =>
      [first, second, target].every(({ processes }) => processes.length === 1),
    );
  });

  it('are named when they do not let through', async () => {
    const file = join(lab.dir, 'without-second');
    writeFileSync(
      file,
      `[127.0.0.1]:${first.port} ${first.publicKey}\n[127.0.0.1]:${target.port} ${target.publicKey}\n`,
    );
    const error = await failure(lab.transport(target, { ...only, knownHostsFiles: [file] }).run(['true']));
    expect(error.message).toContain(`the host key of root@127.0.0.1 port ${second.port} is not known`);
    expect(error.message).toContain(`through root@127.0.0.1 port ${first.port}: `);

    // What accepts it goes the same way, and ends the message: it can be copied.
    const both = join(lab.dir, 'without-target');
    const keys = [first, second].map(({ port, publicKey }) => `[127.0.0.1]:${port} ${publicKey}\n`);
    writeFileSync(both, keys.join(''));
    const last = await failure(lab.transport(target, { ...only, knownHostsFiles: [both] }).run(['true']));
    const way = `ssh -J root@127.0.0.1:${first.port} -i ${lab.identity} -p ${second.port} -- root@127.0.0.1`;
    const command = `accept it with: ${way} 'ssh-keyscan -t ed25519 -p ${target.port} -- 127.0.0.1' >> ${both}`;
    expect(last.message.slice(-command.length)).toBe(command);
  });

  it('are lost with what is behind them, and used again when they are back', async () => {
    const t = lab.transport(target, only);
    const conversation = t.converse(['sh', '-c', 'echo up; cat'], () => undefined);
    expect((await t.run(['echo', '1'])).stdout).toBe('1\n');
    second.stop();
    expect((await conversation.closed).reason).toContain('lost');
    expect((await failure(t.run(['true']))).kind).toBe('unreachable');
    await second.start();
    await until('it is reached again', async () => (await t.run(['echo', '2'])).stdout === '2\n');

    // The machine at the end goes away, and the hops stay.
    const another = t.converse(['sh', '-c', 'echo up; cat'], () => undefined);
    expect((await t.run(['echo', '3'])).stdout).toBe('3\n');
    target.stop();
    expect((await another.closed).reason).toContain('lost');
    const told = `the hop before root@127.0.0.1 port ${target.port} cannot connect to it`;
    await until('it is told', async () => (await failure(t.run(['true']))).message.includes(told));
    await target.start();
    await until('it is reached again', async () => (await t.run(['echo', '4'])).stdout === '4\n');
  });
});

describe("the user's SSH configuration", () => {
  it('says how aliases are reached, through hops too', async () => {
    const config = join(lab.dir, 'config');
    writeFileSync(
      config,
      [
        'Host gate',
        '  HostName 127.0.0.1',
        `  Port ${first.port}`,
        'Host web',
        '  HostName 127.0.0.1',
        `  Port ${target.port}`,
        '  ProxyJump gate',
        'Host *',
        '  User root',
        `  IdentityFile ${lab.identity}`,
        '  IdentitiesOnly yes',
        `  UserKnownHostsFile ${lab.knownHosts}`,
        '',
      ].join('\n'),
    );
    const { host, home, localUser, now } = lab.options(target);
    const t = lab.open({ host, home, localUser, now, address: 'web', sshConfigFile: config });
    expect((await t.run(['echo', 'in'])).stdout).toBe('in\n');
    expect(first.processes.length).toBeGreaterThan(1);
    expect(show(t.interactive(['printf', '[%s]', "it's", '!$(id)\né']))).toBe("[it's][!$(id)\né]");
  });
});

describe('ssh-agent', () => {
  let agent: ChildProcess;
  let agentSocket: string;
  beforeAll(async () => {
    agentSocket = join(lab.dir, 'agent');
    agent = spawn('ssh-agent', ['-D', '-a', agentSocket], { stdio: 'ignore' });
    await until('the agent', () => existsSync(agentSocket));
    execFileSync('ssh-add', ['-q', lab.identity], {
      env: { ...process.env, SSH_AUTH_SOCK: agentSocket },
      stdio: 'ignore',
    });
  });
  afterAll(() => void agent.kill('SIGKILL'));

  const keyless = () => {
    const { identityFile: _, ...rest } = lab.options(target);
    return { ...rest, home: join(lab.dir, 'nobody') };
  };

  it('offers its keys', async () => {
    expect((await lab.open({ ...keyless(), agentSocket }).run(['echo', 'in'])).stdout).toBe('in\n');
    const error = await failure(lab.open(keyless()).run(['true']));
    expect(error.message).toContain('no agent');
  });

  it('offers the key whose public half alone is on disk, and no other when told so', async () => {
    const config = join(lab.dir, 'config-only');
    writeFileSync(config, 'Host *\n  IdentitiesOnly yes\n');
    const identityFile = join(lab.dir, 'half');
    execFileSync('cp', [`${lab.identity}.pub`, `${identityFile}.pub`]);
    expect(
      (await lab.open({ ...keyless(), agentSocket, identityFile, sshConfigFile: config }).run(['true'])).code,
    ).toBe(0);
    const stranger = join(lab.dir, 'stranger');
    lab.keygen(stranger);
    const error = await failure(
      lab.open({ ...keyless(), agentSocket, identityFile: stranger, sshConfigFile: config }).run(['true']),
    );
    expect(error.message).toContain('lets nobody in');
  });
});

describe('interactive', () => {
  it.each([
    ['straight', () => ({})],
    ['through two hops with keys of their own', () => only],
  ])('is a command line of ssh that brings every word over: %s', (_, more) => {
    const t = lab.transport(target, more());
    const argv = t.interactive(['printf', '[%s]', "it's", '!$(id)\n', 'é', '']);
    expect(show(argv)).toBe("[it's][!$(id)\n][é][]");
  });

  it('takes no machine for an option', () => {
    expect(() => lab.transport(target, { address: '-oProxyCommand=touch x' })).toThrow(RangeError);
    expect(() => lab.transport(target, { user: '-x' })).toThrow(RangeError);
    expect(() => lab.transport(target, { jump: [{ address: '-oProxyCommand=x' }] })).toThrow(RangeError);
    const argv = lab.transport(target).interactive(['true']);
    expect(argv.at(-3)).toBe('--');
  });
});

/** ssh without a terminal: -t would make one, whose line ends differ. */
function show(argv: readonly string[]): string {
  const [program = '', ...words] = argv.filter((word) => word !== '-t');
  return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 });
}

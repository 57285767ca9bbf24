import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure, type Sshd, SshLab } from './lab.ts';

let lab: SshLab;
let sshd: Sshd;
let files = 0;
beforeAll(async () => {
  lab = new SshLab();
  sshd = await lab.sshd();
});
afterAll(() => lab[Symbol.asyncDispose]());

const known = (text: string): string => {
  const file = join(lab.dir, `known${files++}`);
  writeFileSync(file, text);
  return file;
};
const name = () => `[127.0.0.1]:${sshd.port}`;

describe('the host key', () => {
  it('is refused when it is not known, with a command that accepts it and works', async () => {
    const file = known('');
    const t = lab.transport(sshd, { knownHostsFiles: [file] });
    const error = await failure(t.run(['true']));
    expect(error.kind).toBe('unreachable');
    const printed = execFileSync('ssh-keygen', ['-l', '-f', join(sshd.dir, 'host_key.pub')], { encoding: 'utf8' });
    expect(error.message).toContain(printed.split(' ')[1]);
    const command = error.message.slice(error.message.indexOf('ssh-keyscan'));
    expect(command).toContain(`-p ${sshd.port}`);
    execFileSync('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'ignore'] });
    expect(readFileSync(file, 'utf8')).toContain(sshd.publicKey);
    // Files are read anew at every try; the pause after a failure is over soon.
    const again = lab.transport(sshd, { knownHostsFiles: [file] });
    expect((await again.run(['echo', 'in'])).stdout).toBe('in\n');
  });

  it('is refused loudly when it has changed', async () => {
    lab.keygen(join(lab.dir, 'other'));
    const other = readFileSync(join(lab.dir, 'other.pub'), 'utf8');
    const error = await failure(lab.transport(sshd, { knownHostsFiles: [known(`${name()} ${other}`)] }).run(['true']));
    expect(error.kind).toBe('unreachable');
    expect(error.message).toMatch(/HAS CHANGED.*known\d+:1 says otherwise.*ssh-keygen -R/s);
  });

  it('is known by a hashed name, by a pattern, and by its bare host', async () => {
    const hashed = known(`${name()} ${sshd.publicKey}\n`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', hashed], { stdio: 'ignore' });
    expect(readFileSync(hashed, 'utf8')).toMatch(/^\|1\|/);
    for (const file of [hashed, known(`[127.0.0.*]:* ${sshd.publicKey}\n`), known(`127.0.0.1 ${sshd.publicKey}\n`)])
      expect((await lab.transport(sshd, { knownHostsFiles: [file] }).run(['true'])).code).toBe(0);
  });

  it('is refused when it is revoked', async () => {
    const file = known(`${name()} ${sshd.publicKey}\n@revoked * ${sshd.publicKey}\n`);
    expect((await failure(lab.transport(sshd, { knownHostsFiles: [file] }).run(['true']))).message).toContain(
      'revoked',
    );
  });

  it('of the type that is known is asked for, when the server has several', async () => {
    lab.keygen(join(lab.dir, 'rsa'), 'rsa', '-b', '2048');
    const several = await lab.sshd({ config: [`HostKey ${join(lab.dir, 'rsa')}`] });
    const rsa = readFileSync(join(lab.dir, 'rsa.pub'), 'utf8');
    const file = known(`[127.0.0.1]:${several.port} ${rsa}`);
    expect((await lab.transport(several, { knownHostsFiles: [file] }).run(['true'])).code).toBe(0);
  });
});

describe('a certificate', () => {
  const certified = async (signer: string, ...more: readonly string[]): Promise<Sshd> => {
    const server = await lab.sshd({
      config: [`HostCertificate ${join(lab.dir, `sshd${lab.count}`, 'host_key-cert.pub')}`],
    });
    execFileSync(
      'ssh-keygen',
      ['-q', '-s', join(lab.dir, signer), '-I', 'id', '-h', ...more, join(server.dir, 'host_key.pub')],
      {
        stdio: 'ignore',
      },
    );
    server.stop();
    await server.start();
    return server;
  };

  it.each(['ed25519', 'rsa', 'ecdsa'])('of a trusted %s authority stands for the key', async (type) => {
    lab.keygen(join(lab.dir, `ca-${type}`), type);
    const server = await certified(`ca-${type}`, '-n', '127.0.0.1,*.lab');
    const authority = readFileSync(join(lab.dir, `ca-${type}.pub`), 'utf8');
    const file = known(`@cert-authority 127.0.0.1,[127.0.0.1]:* ${authority}`);
    expect((await lab.transport(server, { knownHostsFiles: [file] }).run(['echo', 'in'])).stdout).toBe('in\n');
    const hop = await lab.sshd();
    appendFileSync(file, `[127.0.0.1]:${hop.port} ${hop.publicKey}\n`);
    const jump = [{ address: '127.0.0.1', port: hop.port, user: 'root', identityFile: lab.identity }];
    expect((await lab.transport(server, { knownHostsFiles: [file], jump }).run(['echo', 'in'])).stdout).toBe('in\n');
  });

  it('is worth nothing when it is for another host, has expired, or is of another authority', async () => {
    lab.keygen(join(lab.dir, 'ca'));
    lab.keygen(join(lab.dir, 'ca2'));
    const file = known(`@cert-authority * ${readFileSync(join(lab.dir, 'ca.pub'), 'utf8')}`);
    const says = async (server: Sshd) =>
      (await failure(lab.transport(server, { knownHostsFiles: [file] }).run(['true']))).message;
    expect(await says(await certified('ca', '-n', 'elsewhere'))).toContain('it is for elsewhere');
    expect(await says(await certified('ca', '-n', '127.0.0.1', '-V', '20200101:20200102'))).toContain('expired');
    expect(await says(await certified('ca2', '-n', '127.0.0.1'))).toContain('not trusted');
    expect(await says(sshd)).toContain('no certificate');
  });
});

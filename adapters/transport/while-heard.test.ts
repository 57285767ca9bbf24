import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { whileHeard } from './while-heard.ts';

it('a command that is listened to ends with its listener, and says what it has to say until then', async () => {
  const [program = '', ...args] = whileHeard(['sh', '-c', 'echo "$1"; exec sleep 1000', 'sh', "it's $HOME"]);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const said = await new Promise<string>((done) => child.stdout.once('data', (chunk) => done(String(chunk))));
  expect(said).toBe("it's $HOME\n");
  expect(readFileSync(`/proc/${child.pid}/stat`, 'utf8')).not.toMatch(/\) Z/);
  const ended = new Promise<NodeJS.Signals | null>((done) => child.once('exit', (_, signal) => done(signal)));
  // As the kernel does when the listener dies.
  child.stdin.destroy();
  expect(await ended).toBe('SIGTERM');
});

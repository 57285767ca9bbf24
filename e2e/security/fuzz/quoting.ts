/** Owns: fuzzing of the quoting, against real shells. Never: lets one of them run what it is given. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { quoteArgv, quoteWord } from '../../../adapters/transport/quote.ts';
import { type Fuzzed, text } from './texts.ts';

const noNul = fc.oneof(text, fc.string({ maxLength: 30 })).map((value) => value.replaceAll('\0', ''));
const SHELLS = ['sh', 'dash', 'bash', 'zsh'];

export const quoting: readonly Fuzzed[] = SHELLS.map((shell) => ({
  what: `${shell} gives back every word, and runs nothing`,
  share: 1 / SHELLS.length,
  property: fc.property(
    // Many a shell: its start costs more than they do.
    fc.array(fc.array(noNul, { minLength: 1, maxLength: 6 }), { minLength: 30, maxLength: 60 }),
    (lists) => {
      // Lone surrogates are no text that a process can be given.
      const argvs = lists.map((words) => words.map((one) => one.toWellFormed()));
      const script = argvs.map((argv) => `printf '%s\\0' ${argv.map(quoteWord).join(' ')} x; printf '\\0'`).join('\n');
      const output = execFileSync(shell, ['-s'], {
        input: script,
        env: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8' },
        maxBuffer: 1 << 27,
        timeout: 60_000,
      });
      assert.equal(output.toString(), argvs.map((argv) => `${argv.join('\0')}\0x\0\0`).join(''));
      for (const argv of argvs) assert.doesNotMatch(quoteArgv(argv), /^[A-Za-z_]+=/);
    },
  ),
}));

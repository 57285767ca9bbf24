/**
 * Owns: telling why a test failed that passed when it was tried again; the usual reporters say only that it did.
 * Never: changes what a run ends with.
 */
import type { Reporter, TestCase } from 'vitest/node';

/** Of a message that holds a whole screen or request, its beginning says enough. */
const SHOWN = 2_000;

export default class Retried implements Reporter {
  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky !== true) return;
    const whys = (test.result().errors ?? []).map(({ message, stacks }) => {
      const [at] = stacks ?? [];
      return `  ${message.slice(0, SHOWN)}${at ? `\n  at ${at.file}:${at.line}` : ''}\n`;
    });
    process.stdout.write(`failed at first: ${test.module.relativeModuleId} > ${test.fullName}\n${whys.join('')}`);
  }
}

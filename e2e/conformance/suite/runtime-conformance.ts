/**
 * Owns: what every runtime must do, as one suite. A runtime joins by one line in a test file.
 * Never: knows how a runtime does it.
 */
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { endingTests } from './ending.ts';
import { launchingTests } from './launching.ts';
import { manyTests } from './many.ts';
import { localWay, type RuntimeUnderTest, stageFor, type Way } from './stage.ts';
import { startingTests } from './starting.ts';

/** `by`: the way to the machine that the runtime works on. */
export function describeRuntime(name: string, place: RuntimeUnderTest, by: () => Promise<Way> = localWay): void {
  const stage = stageFor(name, place, by);
  describe(`${name} runtime`, () => {
    beforeAll(stage.begin);
    afterEach(stage.cleanUp);
    afterAll(stage.end);

    startingTests(stage);
    endingTests(stage);
    launchingTests(stage);
    manyTests(stage);
  });
}

import { describe, expect, it } from 'vitest';
import type { MachineSnapshot } from '../snapshot.ts';
import { NEW_SNAPSHOT } from '../snapshot.ts';
import { instanceStatus } from './status.ts';

const condition = (type: 'Started' | 'Ready' | 'Placed') =>
  ({ type, status: 'False', reason: 'Starting', message: 'Being started.', lastTransitionTime: 'then' }) as const;
const at = (phase: MachineSnapshot['phase']): MachineSnapshot => ({
  ...NEW_SNAPSHOT,
  phase,
  conditions: [condition('Placed'), condition('Started'), condition('Ready')],
});
const startFailed = { since: 0, reason: 'docker has no image x:1' };

describe('a start that failed', () => {
  it('is told with its reason as long as it is tried', () => {
    const { conditions } = instanceStatus({ name: 'web', snapshot: at('Starting'), startFailed });
    const [placed, started, ready] = conditions;
    expect(placed).toEqual(condition('Placed'));
    expect(started).toMatchObject({ status: 'False', reason: 'StartFailed', message: expect.stringContaining('x:1') });
    expect(ready).toMatchObject({ status: 'False', reason: 'StartFailed' });
  });
  it('is no news of what lives or waits, or of a place that nobody can look at', () => {
    expect(instanceStatus({ name: 'web', snapshot: at('Queued'), startFailed }).conditions).toEqual(
      at('Queued').conditions,
    );
    const unknown = { since: 0, reason: 'the network is down' };
    const { conditions } = instanceStatus({ name: 'web', snapshot: at('Starting'), startFailed, unknown });
    expect(conditions.map(({ reason }) => reason)).not.toContain('StartFailed');
  });
});

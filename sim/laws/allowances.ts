/**
 * Owns: what even a correct controller cannot promise under certain faults, each with its reason.
 * Never: grows to make a seed pass: an allowance names a fault after which the truth is not there to be known.
 */
import type { Fault, Plan } from '../faults/faults.ts';
import { isCalm, type Scenario } from '../scenario.ts';

export interface Allowances {
  /** Things of ours that nobody wants may be left: reported, never touched. */
  readonly orphans: boolean;
  /** Two of one id may live for a moment, in two places: inside one place its unique name is the lock. */
  readonly twoLive: boolean;
  /** Counts of creates and deletes, and the end state of what fails again and again, may differ from the fault-free run's. */
  readonly counts: boolean;
  /** Earlier retries may be forgotten. */
  readonly retriesForgotten: boolean;
}

export function allowancesOf({ faults }: Plan, scenario: Scenario): Allowances {
  const calm = isCalm(scenario);
  const some = (test: (fault: Fault) => boolean) => faults.some(test);
  // With the database go retries, and what was on its way: a start, or an order to let go of something.
  const lostStore = some((fault) => fault.at === 'step' && fault.do === 'lose-store');
  // A start that arrives after its corpse was cleared away and all was forgotten.
  const arrivesLate = !calm && some((fault) => fault.at === 'effect' && fault.do === 'reply-late');
  // One look may be old, and is doubted; two in a row that agree are believed.
  const staleTwice = !calm && faults.filter((fault) => fault.at === 'list' && fault.do === 'stale').length > 1;
  // What a source had applied before a commit that it refuses is not known any more.
  const lostRevision = lostStore && scenario.sources !== undefined;
  // An order by force that met a mirror that lags, or failed, was answered all the same: it is not asked again.
  const answered =
    scenario.steps.some(({ actions }) => actions.some((action) => action.do === 'sync' && action.force)) &&
    some((fault) => (fault.at === 'fetch' && fault.do !== 'crash') || (fault.at === 'commit' && fault.do === 'fails'));
  return {
    orphans: lostRevision || (lostStore && (!calm || faults.length > 1)) || arrivesLate || staleTwice,
    twoLive: lostStore || arrivesLate || staleTwice,
    // In a hurried scenario a fault moves what an edit meets.
    counts: lostStore || !calm || answered,
    retriesForgotten: lostStore,
  };
}

/**
 * Owns: what is written down when an effect failed: an event, and of a start its reason, for as long as nothing else is news.
 * Never: takes a failure for an outcome: whether it happened all the same is told by the next look.
 */
import type { InstanceId } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import type { Effect } from '../../machine/snapshot.ts';
import { placeKey } from '../../plan/desired-instance.ts';
import type { Change, RecordedEvent, Store } from '../../store/store.ts';

type Failed = Exclude<Effect, { readonly type: 'release' }>;

const VERBS: Readonly<Record<Failed['type'], string>> = {
  start: 'start it',
  term: 'ask it to leave',
  kill: 'kill it',
  remove: 'clear it away',
  answer: 'answer its dialog',
  submit: 'submit a text to it',
  sync: 'sync its files',
  hook: 'run its hooks',
  check: 'check it',
};

/** `agent`: whom it belongs to when there is no record of the instance. */
export async function noteFailure(
  store: Pick<Store, 'instance' | 'commit'>,
  id: InstanceId,
  effect: Failed,
  error: unknown,
  { agent, now }: { readonly agent: string | undefined; readonly now: Instant },
): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error);
  const known = store.instance(id);
  const event: RecordedEvent = {
    type: 'Warning',
    reason: 'EffectFailed',
    message: `Could not ${VERBS[effect.type]} in ${placeKey(effect.place)}: ${reason}`,
    at: now,
    regarding: { kind: 'Agent', name: known?.record.agent ?? agent ?? id, instance: known?.record.name ?? id },
  };
  const isNews = effect.type === 'start' && known !== undefined && known.record.startFailed?.reason !== reason;
  const changes: readonly Change[] = isNews
    ? [
        {
          type: 'put-instance',
          expected: known.resourceVersion,
          record: { ...known.record, startFailed: { since: known.record.startFailed?.since ?? now, reason } },
        },
      ]
    : [];
  await store.commit([...changes], [event]);
}

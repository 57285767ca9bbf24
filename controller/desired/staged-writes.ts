/**
 * Owns: many writes as one: what is written meanwhile is collected and committed together, or not at all.
 * Never: shows what is not committed yet; reads see the store as it is.
 */
import type { Change, RecordedEvent, Store } from '../store/store.ts';

/**
 * Runs `work` over a store whose commits wait; commits them in one transaction when it has ended well.
 * Throws what `work` throws, then nothing is written; ConflictError when somebody wrote one of the things in between.
 */
export async function inOneCommit<T>(store: Store, work: (staged: Store) => Promise<T>): Promise<T> {
  const changes: Change[] = [];
  const events: RecordedEvent[] = [];
  const staged: Pick<Store, 'commit'> = {
    commit(more, told = []) {
      changes.push(...more);
      events.push(...told);
      return Promise.resolve(more.map(() => store.version));
    },
  };
  const result = await work(
    new Proxy(store, {
      get(target, key) {
        if (key === 'commit') return staged.commit;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }),
  );
  if (changes.length > 0) await store.commit(changes, events);
  return result;
}

/**
 * Owns: which changes of a Host may make it another machine, of whose agents nobody would know any more.
 * Never: asks a machine who it is.
 */
import { ConflictError } from '../../api/resources/errors.ts';
import type { ObjectRecord } from '../store/store.ts';

/** Where they lead. Keys, trust and what is placed there say nothing of which machine it is. */
const WAY = ['address', 'port', 'user', 'jump', 'sshConfig'] as const;

export interface MoveRules {
  readonly canonical: (value: unknown) => string;
  /** Who lives there, as a clause; undefined: nobody. */
  readonly living: (host: string) => string | undefined;
}

/** Throws ConflictError for a Host that agents live on and that `next` may make another machine or user. */
export function assertSameMachine(before: ObjectRecord, next: ObjectRecord, { canonical, living }: MoveRules): void {
  if (before.kind !== 'Host') return;
  const [was, is] = [new Map(Object.entries(before.spec)), new Map(Object.entries(next.spec))];
  const changed = WAY.filter((field) => canonical(was.get(field) ?? null) !== canonical(is.get(field) ?? null));
  if (changed.length === 0) return;
  const who = living(before.name);
  if (who === undefined) return;
  throw new ConflictError(
    `host/${before.name}: another ${changed.join(', ')} may lead to another machine, and ${who}. Or give that machine a Host of its own; \`sac apply --force-conflicts\` where it is the same one and the same user`,
  );
}

/**
 * Owns: running the commands that check instances, in the background, and what each told last.
 * Never: judges it, or runs two checks of one instance at once.
 *
 * Bound: one reading an instance that is checked; so many commands at once, the rest wait in order.
 */
import { type Transport, TransportError } from '../../../adapters/transport/transport.ts';
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import { redact } from '../../../api/resources/redact.ts';
import type { HealthReading } from '../../machine/health.ts';
import type { Effect } from '../../machine/snapshot.ts';
import type { Timers } from '../work-queue.ts';

type Check = Extract<Effect, { type: 'check' }>;
type Outcome = Omit<NonNullable<HealthReading['last']>, 'at' | 'generation'>;

const AT_ONCE = 16;
const SAID_MAX = 200;
/** The command is whatever its author wrote, so that the name of its program is no assignment to `env`. */
const WITH_NAME = 'SAC_AGENT=$1; export SAC_AGENT; shift; exec "$@"';

export interface ChecksOptions {
  readonly timers: Pick<Timers, 'now'>;
  /** A check ended: the instance is to be looked at. */
  readonly onDone: (id: InstanceId) => void;
}

export class Checks {
  readonly #options: ChecksOptions;
  readonly #readings = new Map<InstanceId, HealthReading>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: ChecksOptions) {
    this.#options = options;
  }

  reading(id: InstanceId): HealthReading | undefined {
    return this.#readings.get(id);
  }

  /** Forgets what is not checked any more. */
  retain(wanted: (id: InstanceId) => boolean): void {
    for (const [id, { pending }] of this.#readings) if (!pending && !wanted(id)) this.#readings.delete(id);
  }

  /** Returns at once; the reading tells what came of it. */
  ask(check: Check, transport: Transport): void {
    const before = this.#readings.get(check.id);
    if (before?.pending) return;
    const last = before?.incarnation === check.incarnation ? before.last : undefined;
    const { now } = this.#options.timers;
    const { incarnation, generation } = check;
    const reading = { incarnation, askedAt: now() };
    this.#readings.set(check.id, { ...reading, pending: true, ...(last && { last }) });
    const run = () => {
      this.#running++;
      void ask(check, transport).then((outcome) => {
        this.#running--;
        this.#readings.set(check.id, { ...reading, pending: false, last: { ...outcome, generation, at: now() } });
        this.#options.onDone(check.id);
        this.#waiting.shift()?.();
      });
    };
    if (this.#running < AT_ONCE) run();
    else this.#waiting.push(run);
  }
}

/** Never rejects. */
async function ask({ id, health }: Check, transport: Transport): Promise<Outcome> {
  const { argv, cwd, timeoutMs } = health;
  try {
    const { code, stdout, stderr } = await transport.run(
      ['sh', '-c', WITH_NAME, 'sac-check', instanceNameOf(id), ...argv],
      { cwd, timeoutMs },
    );
    if (code === 0) return { result: 'ok', message: 'exited with code 0' };
    const said = redact(`${stderr}\n${stdout}`).replaceAll(/\s+/g, ' ').trim().slice(0, SAID_MAX);
    return { result: 'failed', message: `exited with code ${code}${said === '' ? '' : `, saying: ${said}`}` };
  } catch (error) {
    if (error instanceof TransportError && error.kind === 'timeout')
      return { result: 'failed', message: `did not end within ${timeoutMs / 1000} s` };
    return { result: 'unknown', message: error instanceof Error ? error.message : String(error) };
  }
}

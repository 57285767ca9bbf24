/**
 * Owns: the starts asked for in one turn, as one script run after the other; each start once.
 * Never: judges an outcome beyond what the script said.
 */
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import { TransportError } from '../../transport/transport.ts';
import { type Launch, RuntimeError } from '../runtime.ts';
import { renderMark } from './mark.ts';

export type StartOutcome = 'started' | 'taken';

interface Waiting {
  readonly launch: Launch;
  readonly outcome: Promise<StartOutcome>;
  readonly resolve: (outcome: StartOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** What one script run submits is answered in good time also by a busy cluster. */
const AT_ONCE = 50;

/** Bounded by the callers: one entry an instance. */
export class Submissions {
  readonly #run: (lines: string) => Promise<string>;
  #waiting = new Map<InstanceId, Waiting>();
  #last: Promise<void> = Promise.resolve();

  /** `run` is given a line each, and answers `NAME OUTCOME ...` a line each. */
  constructor(run: (lines: string) => Promise<string>) {
    this.#run = run;
  }

  ask(launch: Launch): Promise<StartOutcome> {
    const known = this.#waiting.get(launch.id);
    if (known) return known.launch.incarnation === launch.incarnation ? known.outcome : Promise.resolve('taken');
    let resolve: (outcome: StartOutcome) => void = () => undefined;
    let reject: (error: unknown) => void = () => undefined;
    const outcome = new Promise<StartOutcome>((accept, refuse) => {
      resolve = accept;
      reject = refuse;
    });
    this.#waiting.set(launch.id, { launch, outcome, resolve, reject });
    if (this.#waiting.size === 1) this.#last = this.#last.then(() => this.#runAll());
    return outcome;
  }

  async #runAll(): Promise<void> {
    await new Promise((next) => setImmediate(next));
    const all = [...this.#waiting];
    const batch = all.slice(0, AT_ONCE).map(([, waiting]) => waiting);
    this.#waiting = new Map(all.slice(AT_ONCE));
    if (this.#waiting.size > 0) this.#last = this.#last.then(() => this.#runAll());
    const lines = batch.map(
      ({ launch }) => `${instanceNameOf(launch.id)} ${launch.id} ${launch.incarnation} ${renderMark(launch)}\n`,
    );
    try {
      const answer = await this.#run(lines.join(''));
      for (const waiting of batch) settle(waiting, answer);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

function settle({ launch, resolve, reject }: Waiting, answer: string): void {
  const name = instanceNameOf(launch.id);
  const line = answer.split('\n').find((one) => one.startsWith(`${name} `)) ?? '';
  const [outcome, ...words] = line.slice(name.length + 1).split(' ');
  const why = words.join(' ').trim();
  if (outcome === 'started' || outcome === 'taken') resolve(outcome);
  else if (outcome === 'refused') reject(new RuntimeError(`SLURM refused the job of ${name}: ${why}`));
  else reject(new TransportError('unreachable', `SLURM did not say whether it has the job of ${name}: ${why}`));
}

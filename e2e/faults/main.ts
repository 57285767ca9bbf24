/**
 * Owns: the fault plans from the command line: `npx tsx e2e/faults/main.ts [--plan N]... [--all] [--together] [--list] [--runtime R] [--fleets N]`.
 * Never: ends with 0 when a plan found something.
 */
import { parseArgs } from 'node:util';
import { bundleFaultyController } from './controller/bundle.ts';
import { PLANTED } from './controller/orders.ts';
import { planName, selectPlans } from './plans/plan.ts';
import { prepare, RUNTIMES, runPlans, runTogether } from './plans/run-all.ts';
import { planOffset, SAMPLE_MS } from './plans/today.ts';
import { Sampler } from './plans/world.ts';

const { values } = parseArgs({
  options: {
    plan: { type: 'string', multiple: true, default: [] },
    /** `start/web/0 crash-before`: plans whose name holds all of the words. */
    match: { type: 'string' },
    all: { type: 'boolean', default: false },
    /** Several plans in one run, as in `npm run verify`. */
    together: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    runtime: { type: 'string', multiple: true, default: [] },
    fleets: { type: 'string', default: '4' },
    every: { type: 'string', default: '0' },
    bug: { type: 'string' },
  },
});

const runtimes = RUNTIMES.filter((runtime) => values.runtime.length === 0 || values.runtime.includes(runtime));
const bug = PLANTED.find((name) => name === values.bug);
const program = await bundleFaultyController();
using sampler = new Sampler(SAMPLE_MS);
// Plans are numbered over all runtimes, so a number names the same plan whichever of them are run.
const prepared = await prepare(RUNTIMES, { program, sampler });
const plans = prepared.plans.filter(({ runtime }) => runtimes.includes(runtime));
const words = values.match?.split(/\s+/) ?? [];
const chosen =
  values.plan.length > 0
    ? plans.filter(({ number }) => values.plan.includes(`${number}`))
    : words.length > 0
      ? plans.filter((plan) => words.every((word) => planName(plan).includes(word)))
      : values.all || values.list
        ? plans
        : selectPlans(plans, { every: Number(values.every), offset: planOffset() });
if (values.list) for (const plan of chosen) console.log(planName(plan));
else {
  const verdicts = await (values.together ? runTogether : runPlans)(
    chosen,
    prepared,
    { program, sampler, ...(bug && { bug }) },
    {
      fleets: Number(values.fleets),
      onVerdict: ({ plans, problems, seconds }) => {
        const told = `${problems.length === 0 ? 'ok  ' : 'FAIL'} ${plans.map(planName).join(', ')} in ${seconds.toFixed(1)} s`;
        console.log([told, ...problems].join('\n     '));
      },
    },
  );
  const failed = verdicts.filter(({ problems }) => problems.length > 0);
  const told = failed.flatMap((verdict) => verdict.plans);
  console.log(`${chosen.length} of ${prepared.plans.length} plans run, ${told.length} found something`);
  if (failed.length > 0)
    console.log(`replay: npx tsx e2e/faults/main.ts ${told.map(({ number }) => `--plan ${number}`).join(' ')}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

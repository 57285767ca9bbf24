/** Owns: the soak from the command line: `npm run soak -- --minutes 60 [--agents 200] [--seed 1]`. Never: ends with 0 when something grew. */
import { parseArgs } from 'node:util';
import { bundleFaultyController } from '../faults/controller/bundle.ts';
import { judge } from './judge.ts';
import { soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    agents: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
  },
});
const soaked = await soak({
  program: await bundleFaultyController(),
  minutes: Number(values.minutes),
  agents: Number(values.agents),
  seed: Number(values.seed),
});
const problems = judge(soaked, Number(values.agents));
console.log(JSON.stringify({ ...soaked, problems }, undefined, 2));
process.exitCode = problems.length === 0 ? 0 : 1;

import { expect, it } from 'vitest';
import { phaseTable } from './phase-table.ts';

it('docs/phase-table.md is the machine as it is (npx vitest run controller/machine -u writes it anew)', async () => {
  await expect(phaseTable()).toMatchFileSnapshot('../../../docs/phase-table.md');
});

/** A program that asks, in a container with and without tmux: a dialog described in the manifest, one that a person answers, a first prompt. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Agent } from '../../api/resources/agent/agent.ts';
import type { Condition } from '../../api/resources/meta.ts';
import { Fleet, until } from '../harness.ts';
import { image, manifestOptions, removeFleet } from './engines.ts';

/** Speaks as aider does: questions end in their default, on a line that has not ended. */
const PROGRAM = `#!/bin/sh
printf 'Terms of the lab: what you do here is logged.\\nDo you accept the terms of the lab? (Y)es/(N)o [Yes]: '
read -r terms
printf '────────────────\\nWhich way to the reactor is unclear.\\nOpen the reactor door? (Y)es/(N)o [Yes]: '
read -r door
printf 'terms=%s door=%s\\n' "$terms" "$door"
while printf '> '; read -r said; do printf 'You said: %s\\n\\n' "$said"; done
`;
const WAIT_MS = 60_000;

describe.each([
  ['docker', 'plain'],
  ['docker', 'tmux'],
  ['podman', 'plain'],
  ['podman', 'tmux'],
] as const)('a program that asks, in %s with a %s image', (engine, kind) => {
  let fleet: Fleet;
  afterEach(async () => {
    const { fleetId } = fleet;
    await fleet[Symbol.asyncDispose]();
    removeFleet(engine, fleetId);
  });
  const agent = (): Promise<Agent> => fleet.json(['get', 'agent', 'asker']);
  const reading = async () => JSON.stringify((await agent()).status.instances[0]?.reading);
  const condition = (type: string, status: string): Promise<Condition> =>
    until(
      `${type} is ${status}`,
      async () => {
        const found = (await agent()).status.conditions.find((one) => one.type === type);
        if (found?.status === status) return found;
        throw new Error(`${JSON.stringify(found)} ${await reading()}`);
      },
      WAIT_MS,
    );

  it('is brought to its prompt', { timeout: 200_000 }, async () => {
    fleet = new Fleet();
    const workspace = join(fleet.dir, 'work');
    mkdirSync(workspace);
    writeFileSync(join(workspace, 'aider'), PROGRAM);
    chmodSync(join(workspace, 'aider'), 0o755);
    await fleet.controller();
    const manifest = {
      apiVersion: 'sac/v1',
      kind: 'Agent',
      metadata: { name: 'asker' },
      spec: {
        profile: 'aider',
        command: [join(workspace, 'aider')],
        workspace,
        place: { runtime: engine, [engine]: manifestOptions(engine, image(engine, kind)) },
        startup: {
          customDialogs: [{ name: 'lab-terms', match: 'terms of the lab', press: ['y', 'Enter'] }],
          prompts: ['hello in there'],
        },
      },
    };
    await fleet.ok(['apply', '-f', fleet.write('asker.yaml', `${JSON.stringify(manifest)}\n`)]);

    const blocked = await condition('Blocked', 'True');
    expect(blocked.message).toContain('reactor');
    expect((await fleet.ok(['events'])).replaceAll(/\s+/g, ' ')).toContain('lab-terms');
    await fleet.ok(['answer', 'asker', '--keys', 'n Enter']);

    await until(
      'Ready',
      async () => {
        const { status } = await agent();
        if (status.ready) return true;
        throw new Error(`${status.phase} ${await reading()}`);
      },
      WAIT_MS,
    );
    const said = await until(
      'the first prompt to be taken',
      async () => {
        const text = await fleet.ok(['logs', 'asker']);
        return text.includes('You said: hello in there') ? text : undefined;
      },
      WAIT_MS,
    );
    expect(said).toContain('terms=y door=n');
    expect(said.split('You said:')).toHaveLength(2);
  });
});

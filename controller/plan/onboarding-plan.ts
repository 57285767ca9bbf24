/**
 * Owns: what a manifest and its CLI say together about the way to the prompt: which dialogs are answered how, what is submitted.
 * Never: looks at a screen.
 */
import type { AgentSpec } from '../../api/resources/agent/agent.ts';
import { durationMs } from '../../api/resources/time.ts';
import type { DialogAnswer, OnboardingPlan } from './desired-instance.ts';

/** A dialog of a CLI, as planning needs to know it. */
export interface KnownDialog {
  readonly name: string;
  readonly accept: readonly string[];
  readonly decline?: readonly string[];
  readonly option?: { readonly accept: RegExp; readonly decline?: RegExp };
  readonly dangerous?: true;
}

/** `asked`: dangerous dialogs that the manifest's flags ask to accept. */
export function planOnboarding(
  { startup }: AgentSpec,
  dialogs: readonly KnownDialog[],
  asked: readonly string[],
): OnboardingPlan {
  const texts = [...startup.commands, ...startup.prompts].map((one) =>
    typeof one === 'string' ? { text: one, delayMs: 0 } : { text: one.text, delayMs: durationMs(one.delay) },
  );
  return {
    answers: answersTo(startup, dialogs, asked),
    idleMs: Math.max(0, startup.idleTicks - 1) * durationMs(startup.pollInterval),
    timeoutMs: durationMs(startup.timeout),
    onTimeout: startup.onTimeout,
    submit: texts,
  };
}

function answersTo(
  { dialogs: wanted, customDialogs }: AgentSpec['startup'],
  known: readonly KnownDialog[],
  asked: readonly string[],
): readonly DialogAnswer[] {
  const custom = customDialogs.map(({ name, press }): KnownDialog => ({ name, accept: press }));
  const all = [...custom, ...known.filter(({ name }) => !custom.some((own) => own.name === name))];
  return all.flatMap(({ name, accept, decline, dangerous, option }) => {
    const own = customDialogs.some((dialog) => dialog.name === name);
    const byDefault = wanted === 'ask' && !own ? 'ask' : dangerous && !asked.includes(name) ? 'ask' : 'accept';
    const choice = typeof wanted === 'string' ? byDefault : (wanted[name] ?? byDefault);
    const press = choice === 'accept' ? accept : choice === 'decline' ? decline : undefined;
    const label = choice === 'accept' ? option?.accept : option?.decline;
    return press ? [{ name, press, ...(label && { option: label.source }) }] : [];
  });
}

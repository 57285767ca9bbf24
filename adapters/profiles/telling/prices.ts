/**
 * Owns: list prices by model, for estimates of what a conversation cost.
 * Never: an invoice: discounts, batches and longer cache times are not known here.
 */
import type { TokenCounts } from '../../../api/resources/agent/facts.ts';

/** US dollars a million tokens: input, output, cache read, cache write (5 minutes). */
type Price = readonly [input: number, output: number, cacheRead: number, cacheWrite: number];

/** First match wins. Anthropic's and OpenAI's public price lists, 2025 to 2026. */
const PRICES: readonly (readonly [RegExp, Price])[] = [
  [/^claude-opus-4(?:-0|-1)?(?:-\d{8})?$/, [15, 75, 1.5, 18.75]],
  [/^claude-opus-4-\d/, [5, 25, 0.5, 6.25]],
  [/^claude-(?:\d-\d-)?sonnet/, [3, 15, 0.3, 3.75]],
  [/^claude-3-5-haiku/, [0.8, 4, 0.08, 1]],
  [/^claude-haiku-4/, [1, 5, 0.1, 1.25]],
  [/^gpt-5(?:\.\d+)?-(?:codex-)?mini/, [0.25, 2, 0.025, 0]],
  [/^gpt-5/, [1.25, 10, 0.125, 0]],
  [/^gemini-\d(?:\.\d)?-flash/, [0.3, 2.5, 0.075, 0]],
  [/^gemini-\d(?:\.\d)?-pro/, [1.25, 10, 0.31, 0]],
];

/** Undefined when the model's price is not known: no price is no zero. */
export function estimateUsd(model: string, tokens: TokenCounts): number | undefined {
  const price = PRICES.find(([pattern]) => pattern.test(baseModel(model)))?.[1];
  if (price === undefined) return undefined;
  const [input, output, cacheRead, cacheWrite] = price;
  const sum =
    tokens.input * input + tokens.output * output + tokens.cacheRead * cacheRead + tokens.cacheWrite * cacheWrite;
  return sum / 1_000_000;
}

/** Without the mark of the long context: `claude-opus-4-8[1m]`. */
export const baseModel = (model: string): string => model.replace(/\[[^\]]*\]$/, '');

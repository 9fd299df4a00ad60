/**
 * Figures of a run, and how far a prediction is from what real kernels did.
 * Doc: docs/script.md (10, totals); docs/fidelity.md
 */
import type { FidelityCase, FidelityRun } from "./cases.ts";

/** What is compared: lines of `show totals`, and the two kinds of refaults together. */
export const FIGURES = ["major", "swapin", "swapout", "refault", "minor", "filein", "rss", "cache"] as const;
export type Figure = (typeof FIGURES)[number];

/** Those that the promise is about. */
export const PROMISED: readonly Figure[] = ["major", "swapin", "swapout", "refault"];

export type Figures = Readonly<Record<Figure, number>>;

/** Below this many pages or faults an error is given in hundredths of this, not of the figure: 3 faults instead of 2 are no error of 50 %. */
export const LEAST_BASE = 160;

/** A figure of several runs. */
export interface Spread {
  readonly mean: number;
  readonly min: number;
  readonly max: number;
}

/** What a case's runs gave, what was predicted, or why nothing was. */
export interface CaseScore {
  readonly fidelityCase: FidelityCase;
  readonly real: Readonly<Record<Figure, Spread>> | undefined;
  readonly predicted: Readonly<Record<Figure, Spread>> | undefined;
  /** How long it took from the first pattern on, in seconds; undefined where a run has no clock. */
  readonly realSeconds: Spread | undefined;
  readonly predictedSeconds: Spread | undefined;
  /** Why there is no prediction; "" when there is one. */
  readonly problem: string;
  /** Whether a task was killed for want of memory here. */
  readonly isKilledHere: boolean;
}

/** Reads the last `show totals` of a transcript; undefined when it has none. */
export function readFigures(transcript: string): Figures | undefined {
  const start = transcript.lastIndexOf("show totals\n");
  if (start < 0) return undefined;
  const lines = transcript.slice(start).matchAll(/^\| (\w+) (-?\d+(?:\.\d+)?)$/gm);
  const values = new Map([...lines].map((match) => [match[1]!, Number(match[2])]));
  values.set("refault", (values.get("refault_anon") ?? NaN) + (values.get("refault_file") ?? NaN));
  const figures = Object.fromEntries(FIGURES.map((figure) => [figure, values.get(figure) ?? NaN])) as Record<Figure, number>;
  return FIGURES.every((figure) => Number.isFinite(figures[figure])) ? figures : undefined;
}

/** Mean and bounds of every figure over runs; undefined without runs. */
export function spreadOf(runs: readonly { readonly text: string }[]): Readonly<Record<Figure, Spread>> | undefined {
  const all = runs.map((run) => readFigures(run.text)).filter((figures) => figures !== undefined);
  if (all.length === 0) return undefined;
  const spreads = FIGURES.map((figure) => [figure, spreadOfNumbers(all.map((figures) => figures[figure]))]);
  return Object.fromEntries(spreads) as Record<Figure, Spread>;
}

/** Mean and bounds of how long runs took; undefined when one does not say so. */
export function spreadOfSeconds(runs: readonly FidelityRun[]): Spread | undefined {
  const all = runs.flatMap(({ clock }) => (clock === undefined ? [] : [clock.seconds]));
  return all.length === 0 || all.length < runs.length ? undefined : spreadOfNumbers(all);
}

function spreadOfNumbers(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, min: Math.min(...values), max: Math.max(...values) };
}

/** How far a prediction is from the mean of the runs, as a fraction of it. */
export function errorOf(real: Spread, predicted: number): number {
  return Math.abs(predicted - real.mean) / Math.max(real.mean, LEAST_BASE);
}

/** How far the runs themselves are from their mean, at most, as a fraction of it. */
export function ownSpread(real: Spread): number {
  return Math.max(real.max - real.mean, real.mean - real.min) / Math.max(real.mean, LEAST_BASE);
}

/** The largest error of a case's promised figures; undefined without a prediction. */
export function caseError(score: CaseScore): number | undefined {
  const { real, predicted } = score;
  if (real === undefined || predicted === undefined) return undefined;
  return Math.max(...PROMISED.map((figure) => errorOf(real[figure], predicted[figure].mean)));
}

/** The value below which that share of the numbers is; NaN of none. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

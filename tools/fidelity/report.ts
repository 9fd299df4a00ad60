/**
 * docs/fidelity.md: what real kernels did, what Pagewalk predicts, and how far apart they are.
 */
import { hasKill } from "./cases.ts";
import {
  type CaseScore,
  caseError,
  errorOf,
  FIGURES,
  type Figure,
  LEAST_BASE,
  ownSpread,
  PROMISED,
  quantile,
  type Spread,
} from "./figures.ts";

/** The promise: median over figures, nine tenths of the cases, every case. */
export const MOST_MEDIAN = 0.02;
export const MOST_OF_NINE_TENTHS = 0.05;
export const MOST_EVER = 0.15;
/** So many cases at least. */
export const LEAST_CASES = 60;

/** What the scores come to. */
export interface Summary {
  readonly cases: number;
  readonly predicted: number;
  /** Over all promised figures of all cases. */
  readonly median: number;
  /** Over the cases, each with its worst promised figure. */
  readonly nineTenths: number;
  readonly worst: number;
  readonly isKept: boolean;
}

/** Adds the scores up. A case without a prediction breaks the promise. */
export function summarize(scores: readonly CaseScore[]): Summary {
  const errors = scores.map(caseError).filter((error) => error !== undefined);
  const all = scores.flatMap(({ real, predicted }) =>
    real === undefined || predicted === undefined ? [] : PROMISED.map((figure) => errorOf(real[figure], predicted[figure].mean)),
  );
  const median = quantile(all, 0.5);
  const nineTenths = quantile(errors, 0.9);
  const worst = quantile(errors, 1);
  const isKept =
    scores.length >= LEAST_CASES &&
    errors.length === scores.length &&
    median <= MOST_MEDIAN &&
    nineTenths <= MOST_OF_NINE_TENTHS &&
    worst <= MOST_EVER;
  return { cases: scores.length, predicted: errors.length, median, nineTenths, worst, isKept };
}

function percent(fraction: number): string {
  if (!Number.isFinite(fraction)) return "none";
  return `${(100 * fraction).toFixed(fraction < 0.1 ? 1 : 0)} %`;
}

/** A figure: the runs' mean and spread, then the prediction and its error. */
function cell(real: Spread | undefined, predicted: number | undefined): string {
  if (real === undefined) return "";
  if (real.max === 0 && !predicted) return predicted === undefined ? "0" : "0 → 0";
  const own = `${Math.round(real.mean)} ± ${percent(ownSpread(real))}`;
  return predicted === undefined ? own : `${own} → ${Math.round(predicted)} (${percent(errorOf(real, predicted))})`;
}

function caseRow(score: CaseScore): string {
  const { fidelityCase, real, predicted } = score;
  const error = caseError(score);
  const cells = FIGURES.map((figure) => cell(real?.[figure], predicted?.[figure].mean));
  const outcome = error === undefined ? "no prediction" : `${percent(error)}${score.isKilledHere ? " K" : ""}`;
  const others = fidelityCase.allRuns.length - fidelityCase.runs.length;
  const isKilled = fidelityCase.runs.some((run) => hasKill(run.text));
  const killed = `${isKilled ? " K" : ""}${others > 0 ? ` (+${others})` : ""}`;
  return `| ${fidelityCase.name} | ${fidelityCase.runs.length}${killed} | ${outcome} | ${cells.join(" | ")} | ${secondsCell(score)} |`;
}

/** How long it took, where the runs say so. */
function secondsCell({ realSeconds, predictedSeconds }: CaseScore): string {
  if (realSeconds === undefined || predictedSeconds === undefined) return "";
  return `${realSeconds.mean.toFixed(2)} → ${predictedSeconds.mean.toFixed(2)}`;
}

/** The promised figures whose prediction is below or above every run. */
function outside(score: CaseScore): Figure[] {
  const { real, predicted } = score;
  if (real === undefined || predicted === undefined) return [];
  return PROMISED.filter((figure) => predicted[figure].mean < real[figure].min || predicted[figure].mean > real[figure].max);
}

/** The reason that is known, or that the kernel does not repeat itself either. */
function reasonOf(score: CaseScore, reasons: ReadonlyMap<string, string>): string {
  const own = Math.max(...outside(score).map((figure) => ownSpread(score.real![figure])));
  const spread = `the runs themselves are up to ${percent(own)} from their mean`;
  const known = reasons.get(score.fidelityCase.name) ?? (score.isKilledHere ? "killed here" : undefined);
  return known === undefined ? (own > MOST_OF_NINE_TENTHS ? `not known; ${spread}` : "not known") : `${known}; ${spread}`;
}

/** Cases with a prediction outside what the kernel itself does, worst first, with the reasons that are known. */
function outsideList(scores: readonly CaseScore[], reasons: ReadonlyMap<string, string>): string[] {
  return scores
    .filter((score) => outside(score).length > 0)
    .sort((a, b) => caseError(b)! - caseError(a)!)
    .map((score) => {
      const { name } = score.fidelityCase;
      return `| ${name} | ${outside(score).join(", ")} | ${percent(caseError(score)!)} | ${reasonOf(score, reasons)} |`;
    });
}

function kindRows(scores: readonly CaseScore[]): string[] {
  const kinds = new Map<string, CaseScore[]>();
  for (const score of scores) {
    const { kernel, policy } = score.fidelityCase.machine;
    const kind = `${kernel}, ${policy}, ${score.fidelityCase.hasGroup ? "memory cgroup" : "whole machine"}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), score]);
  }
  return [...kinds].map(([kind, group]) => {
    const { cases, predicted, median, nineTenths, worst } = summarize(group);
    const own = group.flatMap(({ real }) => (real === undefined ? [] : PROMISED.map((figure) => ownSpread(real[figure]))));
    return `| ${kind} | ${cases} | ${predicted} | ${percent(quantile(own, 0.5))} / ${percent(quantile(own, 1))} | ${percent(median)} | ${percent(nineTenths)} | ${percent(worst)} |`;
  });
}

/** The page. */
export function formatReport(scores: readonly CaseScore[], reasons: ReadonlyMap<string, string>): string {
  const summary = summarize(scores);
  const missing = scores.filter((score) => score.problem !== "");
  const few = scores.filter((score) => score.fidelityCase.runs.length < 3).map((score) => score.fidelityCase.name);
  return `# Fidelity under memory pressure

Made by \`npm run fidelity\` from the runs of real kernels under \`golden/fidelity/\` and from Pagewalk's own run of the same scripts. Do not edit.

Promise: over major faults, swap-ins, swap-outs and refaults the median error is at most ${percent(MOST_MEDIAN)}, nine tenths of the cases are within ${percent(MOST_OF_NINE_TENTHS)}, none is beyond ${percent(MOST_EVER)}.
**${summary.isKept ? "Kept" : "Not kept"}**: ${summary.cases} cases, ${summary.predicted} predicted; median ${percent(summary.median)}, nine tenths within ${percent(summary.nineTenths)}, worst ${percent(summary.worst)}.

| kernel, policy, limit | cases | predicted | runs' own spread: median / most | median error | nine tenths | worst |
|---|---|---|---|---|---|---|
${kindRows(scores).join("\n")}

An error is the distance from the mean of the runs, divided by that mean, or by ${LEAST_BASE} where the mean is smaller (one hundredth of the pages that most scripts use). A case's error is
its largest among the four. Cases of kernel 6.18 ran under cgroup v1 on a live machine; Pagewalk, which models 6.12, runs them with the same limit under v2.
The simulated processor and disks are as fast as those of the recording machines (\`golden/fidelity/calibration.json\`); the memory of whole-machine cases is what the
first statement found there (\`golden/fidelity/machine-256m.json\`). Nothing else is set for a case.
K: the kernel (beside the error: Pagewalk) killed a task for want of memory, which it does at a hard limit when nothing can be had soon enough; where it did so in some runs only, the more frequent kind counts and (+N) is the rest.

## Cases

Mean of the runs ± how far the farthest is from it → prediction (error), the mean of one prediction a run where runs have a clock (\`golden/fidelity/PROVENANCE.md\`), else of
three seeds. Pages and faults; \`filein\` is what was read from the files' disk, \`rss\` and \`cache\` are final, \`seconds\` from the first pattern on.

| case | runs | error | ${FIGURES.join(" | ")} | seconds |
|---|---|---|${FIGURES.map(() => "---|").join("")}---|
${scores.map(caseRow).join("\n")}

## Outside the kernel's own spread

${list("| case | figures | error | reason |\n|---|---|---|---|", outsideList(scores, reasons))}

## Without a prediction

${list("| case | what Pagewalk said |\n|---|---|", missing.map((score) => `| ${score.fidelityCase.name} | ${score.problem.split("\n")[0]!.replaceAll("|", "\\|").slice(0, 200)} |`))}
${few.length > 0 ? `\nFewer than three runs: ${few.join(", ")}.\n` : ""}`;
}

function list(head: string, rows: readonly string[]): string {
  return rows.length === 0 ? "None." : `${head}\n${rows.join("\n")}`;
}

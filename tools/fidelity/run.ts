/**
 * npm run fidelity: runs every recorded case on Pagewalk, writes docs/fidelity.md, and fails when the promise is not kept.
 *
 *   npm run fidelity -- CASE…     only these, printed, nothing written
 *
 * golden/fidelity/reasons.json says why a case is outside the kernel's own spread: {"case": "reason"}.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { FOLDER, type FidelityCase, hasKill, readCases, readRun, usualRuns } from "./cases.ts";
import { type CaseScore, caseError, FIGURES, type Spread, spreadOf, spreadOfSeconds } from "./figures.ts";
import { formatReport, summarize } from "./report.ts";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.join(HERE, "../..");
const REPORT = path.join(ROOT, "docs/fidelity.md");
const REASONS = path.join(FOLDER, "reasons.json");
/** A case takes seconds; one that is silent for longer does not end. */
const SILENCE_MS = 60_000;

/** A line of predict.ts. */
interface Answer {
  readonly name: string;
  readonly transcripts?: readonly string[];
  readonly problem?: string;
}

/** Predicts cases in one process. Returns the answers it gave before it ended or was silent for too long. */
function predictSome(names: readonly string[], onAnswer: (answer: Answer) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(path.join(ROOT, "node_modules/.bin/tsx"), [path.join(HERE, "predict.ts"), ...names], {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    const end = () => process.kill(-child.pid!, "SIGKILL");
    let isSilent = false;
    const wait = () =>
      setTimeout(() => {
        isSilent = true;
        end();
      }, SILENCE_MS);
    let timer = wait();
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      const lines = (rest + piece).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        clearTimeout(timer);
        timer = wait();
        onAnswer(JSON.parse(line) as Answer);
      }
    });
    child.once("close", () => {
      clearTimeout(timer);
      resolve(isSilent);
    });
  });
}

/** Predicts all cases; one that takes its process with it has that as its problem. */
async function predictAll(cases: readonly FidelityCase[]): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>();
  for (;;) {
    const open = cases.map((each) => each.name).filter((name) => !answers.has(name));
    if (open.length === 0) return answers;
    const isSilent = await predictSome(open, (answer) => {
      answers.set(answer.name, answer);
      process.stderr.write(`${answers.size} of ${cases.length} ${answer.name}\n`);
    });
    const lost = open.find((name) => !answers.has(name));
    if (lost !== undefined) {
      const problem = isSilent ? `did not end in ${SILENCE_MS / 1000} s` : "the process ended";
      answers.set(lost, { name: lost, problem });
    }
  }
}

function scoreOf(fidelityCase: FidelityCase, answer: Answer): CaseScore {
  const runs = usualRuns((answer.transcripts ?? []).map((text) => readRun("", text)));
  const predicted = spreadOf(runs);
  const problem = predicted === undefined ? (answer.problem ?? "its transcript has no totals") : "";
  return {
    fidelityCase,
    real: spreadOf(fidelityCase.runs),
    predicted,
    realSeconds: spreadOfSeconds(fidelityCase.runs),
    predictedSeconds: spreadOfSeconds(runs),
    problem,
    isKilledHere: runs.some(({ text }) => hasKill(text)),
  };
}

function text(spread: Spread | undefined): string {
  return spread === undefined ? "none" : `${spread.min} to ${spread.max}`;
}

function printScore(score: CaseScore): void {
  const error = caseError(score);
  process.stdout.write(`${score.fidelityCase.name}: ${error === undefined ? score.problem : `${(100 * error).toFixed(1)} %`}\n`);
  if (score.isKilledHere) process.stdout.write("  a task was killed for want of memory here\n");
  for (const figure of FIGURES) {
    const real = score.real?.[figure];
    process.stdout.write(`  ${figure.padEnd(8)} real ${text(real)}  predicted ${text(score.predicted?.[figure])}\n`);
  }
  process.stdout.write(`  seconds  real ${text(score.realSeconds)}  predicted ${text(score.predictedSeconds)}\n`);
}

const names = process.argv.slice(2);
const cases = readCases().filter((each) => each.runs.length > 0 && (names.length === 0 || names.includes(each.name)));
const answers = await predictAll(cases);
const scores = cases.map((each) => scoreOf(each, answers.get(each.name)!));
if (names.length > 0) scores.forEach(printScore);
else {
  const reasons = existsSync(REASONS) ? (JSON.parse(readFileSync(REASONS, "utf8")) as Record<string, string>) : {};
  writeFileSync(REPORT, formatReport(scores, new Map(Object.entries(reasons))));
  const { cases: count, predicted, median, nineTenths, worst, isKept } = summarize(scores);
  const text = [median, nineTenths, worst].map((value) => `${(100 * value).toFixed(1)} %`);
  process.stdout.write(`${count} cases, ${predicted} predicted; median ${text[0]}, nine tenths ${text[1]}, worst ${text[2]}\n`);
  process.stdout.write(isKept ? "the promise is kept\n" : "the promise is not kept: docs/fidelity.md\n");
  process.exitCode = isKept ? 0 : 1;
}

/**
 * `npm run check`: everything that must hold of the code without running it. Each check is one command or one
 * function; all of them run, and the exit code says whether any failed.
 */
import { spawnSync } from "node:child_process";
import { checkGenerated } from "./generated.ts";
import { checkHeaders } from "./headers.ts";
import { checkLists } from "./lists.ts";

interface Outcome {
  readonly ok: boolean;
  readonly output: string;
}

/** Fewer modules than this means that the floor check has looked at nothing. */
const LEAST_MODULES = 60;

function run(command: string, args: readonly string[]): Outcome {
  const result = spawnSync(command, args, { encoding: "utf8", env: { ...process.env, FORCE_COLOR: "0" } });
  if (result.error !== undefined) return { ok: false, output: String(result.error.message) };
  return { ok: result.status === 0, output: `${result.stdout}${result.stderr}` };
}

function npx(tool: string, ...args: string[]): Outcome {
  return run("node_modules/.bin/" + tool, args);
}

/** The floors: no arrow up, no circle; and the number of modules looked at, because a cruise of nothing passes too. */
function checkFloors(): Outcome {
  const outcome = npx("depcruise", "--config", ".dependency-cruiser.cjs", "src");
  const cruised = Number(/(\d+) modules/.exec(outcome.output)?.[1] ?? 0);
  if (outcome.ok && cruised < LEAST_MODULES) {
    return { ok: false, output: `only ${cruised} modules cruised: the floor check has not seen the house\n` };
  }
  return outcome;
}

function fromFindings(findings: readonly string[]): Outcome {
  return { ok: findings.length === 0, output: findings.map((finding) => `${finding}\n`).join("") };
}

const CHECKS: readonly { readonly name: string; readonly check: () => Outcome }[] = [
  { name: "types of core and programs (no Node, no DOM)", check: () => npx("tsc", "-p", "tsconfig.core.json") },
  { name: "types of everything", check: () => npx("tsc", "-p", "tsconfig.json") },
  { name: "floors and circles", check: checkFloors },
  { name: "biome", check: () => npx("biome", "ci", "--colors=off", "--max-diagnostics=40", "src") },
  { name: "eslint selectors", check: () => npx("eslint", "src/core", "--max-warnings=0") },
  { name: "knip (nothing left over)", check: () => npx("knip") },
  { name: "file headers", check: () => fromFindings(checkHeaders()) },
  { name: "folders against their lists", check: () => fromFindings(checkLists()) },
  { name: "generated files", check: () => fromFindings(checkGenerated()) },
];

let passed = 0;
let failed = 0;
for (const { name, check } of CHECKS) {
  const { ok, output } = check();
  process.stdout.write(`${ok ? "ok  " : "FAIL"} ${name}\n`);
  if (ok) passed++;
  else {
    failed++;
    process.stdout.write(`${output.trimEnd()}\n`);
  }
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;

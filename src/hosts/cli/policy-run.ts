/**
 * `pagewalk run TRACE --policy X --frames N`: replays a trace against textbook page-replacement policies, without a machine.
 *
 *   first reading    numbers the pages, so that every cache can be made at its full size
 *   second reading   each batch of references goes through every cache
 *
 * A policy that knows the future needs the whole sequence: it is kept from the first reading, eight bytes a reference.
 * Doc: docs/policies.md
 */
import { type RunningCache, TEXTBOOK_POLICIES, type TextbookPolicy } from "../../core/index.ts";
import { createPageNumbers, futureOf, type PageNumbers, readReferences } from "../../programs/references.ts";
import { openTraceFile } from "../record/pwt-file.ts";
import type { PolicyReport } from "./report/policy-schema.ts";
import { plainTable } from "./report/text.ts";
import { count, percent } from "./units.ts";
import { fileProblem, userError } from "./user-error.ts";
import { writeWhole } from "./write-file.ts";

declare const PAGEWALK_VERSION: string;

/** What the command line says. */
export interface PolicyRunOptions {
  /** Names with commas between them. */
  readonly policy: string;
  readonly frames?: readonly number[];
  readonly seed?: number;
  readonly json?: string;
  readonly quiet?: boolean;
}

/** A cache that runs, and what it is. */
interface Entry {
  readonly policy: TextbookPolicy;
  readonly frames: number;
  readonly cache: RunningCache;
}

/** The policies, one a line. */
export function policyList(): string {
  const width = Math.max(...TEXTBOOK_POLICIES.map(({ name }) => name.length));
  return TEXTBOOK_POLICIES.map(({ name, about }) => `${name.padEnd(width)}  ${about}\n`).join("");
}

/** Replays a trace and writes the table, the JSON, or both. */
export function runPolicies(path: string, options: PolicyRunOptions): void {
  const policies = findPolicies(options.policy);
  const { frames } = options;
  if (frames === undefined) throw userError("--policy: expected --frames N[,N…], the sizes of memory to try");
  if (path.endsWith(".pw"))
    throw userError(`${path}: --policy replays traces and recordings; a script is none`);
  const started = process.hrtime.bigint();
  const report = replay(path, policies, frames, options.seed ?? 1);
  const hostSeconds = Number(process.hrtime.bigint() - started) / 1e9;
  const json = `${JSON.stringify({ ...report, hostSeconds }, null, 2)}\n`;
  if (options.json !== undefined && options.json !== "-") writeWhole(options.json, json);
  if (options.json === "-") process.stdout.write(json);
  else if (options.quiet !== true) process.stdout.write(tableText(report));
}

function findPolicies(names: string): TextbookPolicy[] {
  return names.split(",").map((name) => {
    const policy = TEXTBOOK_POLICIES.find((candidate) => candidate.name === name.trim().toLowerCase());
    if (policy !== undefined) return policy;
    const known = TEXTBOOK_POLICIES.map((candidate) => candidate.name).join(", ");
    throw userError(`--policy: there is no ${name.trim() || "policy without a name"}; there are ${known}`);
  });
}

function replay(
  path: string,
  policies: readonly TextbookPolicy[],
  frames: readonly number[],
  seed: number,
): PolicyReport {
  const pages = createPageNumbers();
  const isKept = policies.some((policy) => policy.needsFuture);
  const kept: Int32Array[] = [];
  const { format, references } = readTrace(path, pages, (batch, length) => {
    if (isKept) kept.push(batch.slice(0, length));
  });
  const future = isKept ? futureOf(joined(kept, references), pages.numbers.size) : undefined;
  const entries: Entry[] = policies.flatMap((policy) =>
    frames.map((size) => ({
      policy,
      frames: size,
      cache: policy.start({
        frames: size,
        pages: pages.numbers.size,
        seed,
        ...(policy.needsFuture ? { future: future! } : {}),
      }),
    })),
  );
  const feed = (batch: Int32Array, length: number): void => {
    for (const { cache } of entries) cache.run(batch, 0, length);
  };
  if (isKept) for (const batch of kept) feed(batch, batch.length);
  else readTrace(path, pages, feed);
  return {
    schema: "pagewalk-policy-report/1",
    version: PAGEWALK_VERSION,
    trace: { path, format },
    references,
    pages: pages.numbers.size,
    seed,
    hostSeconds: 0,
    results: entries.map(({ policy, frames: size, cache }) => ({
      policy: policy.name,
      frames: size,
      faults: cache.counts.faults,
      writeBacks: cache.counts.writeBacks,
      hitRate: references === 0 ? 0 : 1 - cache.counts.faults / references,
    })),
  };
}

/** Reads the trace once. UserError when it is missing or damaged. */
function readTrace(
  path: string,
  pages: PageNumbers,
  take: (batch: Int32Array, length: number) => void,
): { format: string; references: number } {
  try {
    const trace = openTraceFile(path, true);
    return { format: trace.format, references: readReferences(trace, pages, take) };
  } catch (error) {
    if (error instanceof RangeError || (error instanceof Error && error.name === "FormatError"))
      throw userError(error.message);
    throw fileProblem(path, error);
  }
}

/** The batches as one array. */
function joined(batches: readonly Int32Array[], length: number): Int32Array {
  const all = new Int32Array(length);
  let at = 0;
  for (const batch of batches) {
    all.set(batch, at);
    at += batch.length;
  }
  return all;
}

/** One row a policy and size. */
function tableText(report: PolicyReport): string {
  const { trace, references, pages, results } = report;
  const table = plainTable(["policy", "frames", "faults", "write-backs", "hit rate"], [0]);
  for (const { policy, frames, faults, writeBacks } of results)
    table.push([
      policy,
      count(frames),
      count(faults),
      count(writeBacks),
      percent(references - faults, references),
    ]);
  return `${trace.path} (${trace.format}): ${count(references)} references to ${count(pages)} pages\n${table.toString()}\n`;
}

/**
 * What the browser runs: the golden scripts that the test put into the page, on machines of their own, and the hash of
 * each. The hashes become the document's text, which is all the test reads.
 */
import { boot, hashKernel } from "../../src/core/index.ts";
import { readScript } from "../../src/programs/script/check.ts";
import { runScript } from "../../src/programs/script/run.ts";

/** A script of the page, by name, and the machine it runs on. */
interface Job {
  readonly name: string;
  readonly text: string;
}

/** Runs the jobs. Returns a line `name hash` for each. */
export function hashLines(jobs: readonly Job[]): string {
  return jobs
    .map(({ name, text }) => {
      const k = boot({ name: "browser", cpus: 4, sizeBytes: 256 * 1048576, seed: 3 });
      const { script } = readScript(text, "script.pw");
      runScript(k, script, () => {});
      return `${name} ${hashKernel(k)}`;
    })
    .join("\n");
}

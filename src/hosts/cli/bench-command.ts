/**
 * `pagewalk bench`: the model's speed beside this machine's kernel, measured in the same run.
 */
import { Command } from "commander";
import { runBench } from "./bench.ts";

/** The verb. */
export function benchCommand(): Command {
  return new Command("bench")
    .description("measure the model's speed beside this machine's own kernel, in one run")
    .option("--json <file>", "write the figures to a file as well")
    .addHelpText("after", "\nExample:\n  pagewalk bench --json bench.json")
    .action((options: { json?: string }) => runBench(options));
}

/**
 * `pagewalk bench`: the model's speed beside this machine's kernel, measured in the same run.
 */
import { Command, Option } from "commander";
import { runBench } from "./bench.ts";
import { SAMPLE_OPTION, takeSample } from "./bench-swap.ts";

/** The verb. */
export function benchCommand(): Command {
  return new Command("bench")
    .description("measure the model's speed beside this machine's own kernel, in one run")
    .option("--json <file>", "write the figures to a file as well")
    .addOption(new Option(SAMPLE_OPTION).hideHelp())
    .addHelpText("after", "\nExample:\n  pagewalk bench --json bench.json")
    .action(async (options: { json?: string; swappingSample?: true }) => {
      if (options.swappingSample === true) process.stdout.write(JSON.stringify(takeSample()));
      else await runBench(options);
    });
}

/**
 * `pagewalk record`: runs a program under valgrind and keeps what it does with memory in a .pwt file.
 */
import { Command } from "commander";
import { RECORD_ERROR, record } from "../record/record.ts";
import { bytes, count } from "./units.ts";
import { EXIT_FAILED, EXIT_USAGE, userError } from "./user-error.ts";

/** The verb. */
export function recordCommand(): Command {
  return new Command("record")
    .description("record what a real program does with its memory (needs valgrind)")
    .requiredOption("-o, --output <file>", "the recording to write (.pwt)")
    .argument("<command>", "the program, looked up in PATH")
    .argument("[args...]", "its arguments")
    .passThroughOptions()
    .addHelpText("after", "\nExample:\n  pagewalk record -o ls.pwt -- ls -l /usr/bin")
    .action(recordProgram);
}

async function recordProgram(command: string, args: string[], options: { output: string }): Promise<void> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const isTerminal = process.stderr.isTTY;
  let shownMs = 0;
  try {
    const result = await record(command, args, options.output, {
      signal: abort.signal,
      progress: (totals, logBytes) => {
        if (!isTerminal || Date.now() - shownMs < 200) return;
        shownMs = Date.now();
        process.stderr.write(
          `\rrecording: ${count(totals.accesses)} accesses, ${bytes(logBytes)} of log read\u001b[K`,
        );
      },
    });
    if (isTerminal) process.stderr.write("\r\u001b[K");
    process.stderr.write(
      `${options.output}: ${count(result.totals.accesses)} accesses in ${count(result.totals.runs)} runs, ${count(result.totals.calls)} calls, ${result.processes} ${result.processes === 1 ? "process" : "processes"}; the program ended with ${result.exitCode}\n`,
    );
  } catch (error) {
    if (isTerminal) process.stderr.write("\r\u001b[K");
    if (abort.signal.aborted) throw userError("interrupted; nothing was written", EXIT_FAILED);
    if (error instanceof Error && error.name === RECORD_ERROR) throw userError(error.message, EXIT_USAGE);
    throw error;
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

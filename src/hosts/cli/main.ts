/**
 * The command `pagewalk`: reads the command line, starts the verb, and turns what a user did wrong into one line on
 * stderr and an exit code. Exit codes: 0 done, 1 the workload or a comparison failed, 2 wrong usage or input.
 */
import { Command, CommanderError } from "commander";
import { benchCommand } from "./bench-command.ts";
import { machineCommand } from "./machine-command.ts";
import { recordCommand } from "./record-command.ts";
import { runCommand } from "./run-command.ts";
import { swapCommand } from "./swap-command.ts";
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, isUserError } from "./user-error.ts";
import { verifyCommand } from "./verify-command.ts";

declare const PAGEWALK_VERSION: string;

const EXAMPLES = `
Examples:
  pagewalk record -o ls.pwt -- ls -l /usr/bin      record what a real program does with its memory
  pagewalk run ls.pwt                              run it on a simulated machine and report
  pagewalk run ls.pwt --machine pi-4g --json r.json
  pagewalk run cow.pw --transcript -               run a script and print its transcript
  pagewalk verify cow.pw --kernel qemu             the same script on a real kernel: print the difference
  pagewalk machine list                            the machines there are
  pagewalk swap mkswap swap.img 64M                a swap area that the real swapon takes`;

/** Runs the command line; resolves to the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("pagewalk")
    .description("The Linux virtual memory manager (6.12, x86-64) as an executable model.")
    .version(PAGEWALK_VERSION, "-V, --version")
    .addHelpText("after", EXAMPLES)
    .showHelpAfterError("(pagewalk --help shows what there is)")
    .enablePositionalOptions()
    .exitOverride();
  const verbs = [
    runCommand(),
    recordCommand(),
    verifyCommand(),
    machineCommand(),
    swapCommand(),
    benchCommand(),
  ];
  for (const command of verbs) {
    program.addCommand(inherit(command));
  }
  try {
    await program.parseAsync(argv);
    return typeof process.exitCode === "number" ? process.exitCode : EXIT_OK;
  } catch (error) {
    return report(error);
  }
}

/** Errors of sub-commands come to main as errors too. */
function inherit(command: Command): Command {
  command.exitOverride().showHelpAfterError(`(pagewalk ${command.name()} --help shows what there is)`);
  for (const child of command.commands) inherit(child);
  return command;
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  if (isUserError(error)) {
    process.stderr.write(`pagewalk: ${error.message}\n`);
    return error.exitCode;
  }
  const text =
    error instanceof Error
      ? process.env.PAGEWALK_DEBUG === "1"
        ? error.stack
        : error.message
      : String(error);
  process.stderr.write(
    `pagewalk: this is a fault of Pagewalk itself: ${text}\n(set PAGEWALK_DEBUG=1 for where it happened, and please report it)\n`,
  );
  return EXIT_FAILED;
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT_OK);
  throw error;
});

process.exitCode = await main(process.argv);

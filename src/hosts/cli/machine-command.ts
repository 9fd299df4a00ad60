/**
 * `pagewalk machine`: which machines there are, what one consists of, and the schema of machine files.
 */
import Table from "cli-table3";
import { Command } from "commander";
import { z } from "zod";
import { completeMachine, PRESETS } from "../../core/index.ts";
import { buildMachine, machineFileSchema } from "./machine-file.ts";
import { bytes } from "./units.ts";

/** The verb with its sub-verbs. */
export function machineCommand(): Command {
  const command = new Command("machine").description("the machines there are, and what they consist of");
  command.command("list").description("list the presets").action(printList);
  command
    .command("show")
    .description("print a machine in full, as a machine file")
    .argument("<machine>", "name of a preset, or a machine file (JSON)")
    .addHelpText(
      "after",
      "\nA machine file can also say what is in use before the first program starts: held, memory that nobody gives\n" +
        "back, and init, what process 1 has, which can be swapped out (golden/fidelity/machine-256m.json has both).\n" +
        "\nExample:\n  pagewalk machine show laptop-16g > mine.json",
    )
    .action(printMachine);
  command.command("schema").description("print the JSON schema of machine files").action(printSchema);
  return command;
}

function printList(): void {
  const table = new Table({
    head: ["machine", "CPUs", "nodes", "RAM", "page tables", "disk"],
    style: { head: [], border: [] },
  });
  for (const [name, input] of Object.entries(PRESETS)) {
    const machine = completeMachine(input);
    const total = machine.nodes.reduce((sum, node) => sum + node.sizeBytes, 0);
    table.push([
      name,
      machine.cpus,
      machine.nodes.length,
      bytes(total),
      `${machine.levels} levels`,
      machine.disks.map((disk) => disk.name).join(" "),
    ]);
  }
  process.stdout.write(`${table.toString()}\n`);
}

function printMachine(name: string): void {
  process.stdout.write(`${JSON.stringify(buildMachine(name, {}, undefined), null, 2)}\n`);
}

function printSchema(): void {
  process.stdout.write(`${JSON.stringify(z.toJSONSchema(machineFileSchema), null, 2)}\n`);
}

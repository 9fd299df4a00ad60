/**
 * docs/linux-map.md, made from the code: which system calls and files there are and how faithful, every departure from
 * Linux that the source declares, and which file of Linux each of ours answers to.
 */
import { readFileSync } from "node:fs";
import { MACHINE_FILES, TASK_FILES } from "../../src/core/abi/proc/tree.ts";
import { SYSCALLS } from "../../src/core/abi/syscall/table.ts";
import { KNOBS } from "../../src/core/base/knobs.ts";
import { sourceFiles } from "./files.ts";

/** The whole document. */
export function linuxMap(): string {
  return [
    "# What is there, and where it is in Linux",
    "Made from the code by `npm run docs`; do not edit. The reference is Linux 6.12, x86-64.",
    `## System calls\n\nWhat is not in this table returns ENOSYS.\n\n| number | call | how faithful |\n|---|---|---|\n${calls()}`,
    `## Files of /proc\n\n${files()}`,
    `## Tunables\n\n| path | default | range | unit |\n|---|---|---|---|\n${knobs()}`,
    `## Departures from Linux\n\nEvery \`Differs:\` in the source.\n\n${departures()}`,
    `## Source map\n\n| file | Linux |\n|---|---|\n${sources()}`,
  ].join("\n\n");
}

function calls(): string {
  return [...SYSCALLS].sort((a, b) => a.nr - b.nr).map((row) => `| ${row.nr} | ${row.name} | ${row.faithful.replaceAll("|", "\\|")} |`).join("\n");
}

function files(): string {
  const paths = [...TASK_FILES.map(({ name }) => `\`/proc/PID/${name}\``), ...MACHINE_FILES.map(({ name }) => `\`/proc/${name}\``)];
  return paths.map((path) => `* ${path}`).join("\n");
}

function knobs(): string {
  const value = (number: number): string => (Number.isNaN(number) ? "from the machine's size" : String(number));
  return KNOBS.map((row) => `| \`${row.path}\` | ${value(row.initial)} | ${row.min} to ${row.max} | ${row.unit} |`).join("\n");
}

/** Comments of every file that declare a departure, up to the end of their paragraph. */
function departures(): string {
  const lines: string[] = [];
  for (const file of sourceFiles("src/core")) {
    const text = readFileSync(file, "utf8");
    for (const match of text.matchAll(/Differs: ([\s\S]*?)(?=\n\s*(?:\*\s*\n|\*\/|\* (?:Linux|Doc|Invariant|Returns):)|\*\/|\n\s*[^\s*/])/g)) {
      const sentence = match[1]!.replace(/\s*\n\s*(?:\*|\/\/)\s?/g, " ").trim();
      lines.push(`* \`${file}\`: ${sentence}`);
    }
  }
  return lines.join("\n");
}

function sources(): string {
  const rows: string[] = [];
  for (const file of sourceFiles("src/core")) {
    const linux = /Linux: (.*?)(?:\s{2,}Doc:|\n)/.exec(readFileSync(file, "utf8"))?.[1]?.trim();
    if (linux !== undefined) rows.push(`| \`${file.replace("src/core/", "")}\` | ${linux} |`);
  }
  return `${rows.join("\n")}\n`;
}

/**
 * The programs of the comparison, and the files they work on. Files are made from a seeded generator, so that every
 * machine compares the same work.
 */
import fs from "node:fs";
import path from "node:path";
import { createRng, randomU32 } from "../../src/core/index.ts";

/** One program. */
export interface CompareWorkload {
  readonly name: string;
  /** Shown in the table. */
  readonly about: string;
  /** Programs that must be there. */
  readonly needs: readonly string[];
  readonly command: readonly string[];
  /** Makes its files in the directory in which it runs. */
  readonly prepare?: (directory: string) => void;
}

const SORT_BYTES = 20_000_000;
const CSV_ROWS = 50_000;
const C_FUNCTIONS = 43;

/** The list. */
export const WORKLOADS: readonly CompareWorkload[] = [
  { name: "ls", about: "ls -l /usr/bin", needs: ["ls"], command: ["ls", "-l", "/usr/bin"] },
  { name: "sort", about: "sort a file of 20 MB", needs: ["sort"], command: ["sort", "lines.txt"], prepare: makeLines },
  {
    name: "python",
    about: "python3, a list of 1,000,000 integers",
    needs: ["python3"],
    command: ["python3", "-c", "x = list(range(1000000))"],
  },
  {
    name: "gcc",
    about: "gcc -O2 -c of 500 lines",
    needs: ["gcc"],
    command: ["gcc", "-O2", "-c", "program.c", "-o", "program.o"],
    prepare: makeProgram,
  },
  {
    name: "perl",
    about: "perl, a hash of 200,000 keys",
    needs: ["perl"],
    command: ["perl", "-e", 'my %h; $h{"key$_"} = $_ for 1..200000;'],
  },
  {
    name: "awk",
    about: "awk, sums of 50,000 rows by key",
    needs: ["awk"],
    command: ["awk", "-F,", "{ s[$1] += $2 } END { for (k in s) print k, s[k] }", "rows.csv"],
    prepare: makeRows,
  },
];

/** Lines of eight random words of eight digits. */
function makeLines(directory: string): void {
  const rng = createRng(1);
  const lines: string[] = [];
  for (let bytes = 0; bytes < SORT_BYTES; bytes += lines.at(-1)!.length) {
    const words = Array.from({ length: 8 }, () => randomU32(rng).toString(16).padStart(8, "0"));
    lines.push(`${words.join(" ")}\n`);
  }
  fs.writeFileSync(path.join(directory, "lines.txt"), lines.join(""));
}

/** Rows "key,number" with 4096 keys. */
function makeRows(directory: string): void {
  const rng = createRng(2);
  const rows: string[] = [];
  for (let i = 0; i < CSV_ROWS; i++) rows.push(`k${randomU32(rng) % 4096},${randomU32(rng) % 1048576}\n`);
  fs.writeFileSync(path.join(directory, "rows.csv"), rows.join(""));
}

/** A C file of 500 lines: functions with a loop and a branch, all called. */
function makeProgram(directory: string): void {
  const lines = ["/* Functions with a loop and a branch. */", "", "#include <stdio.h>", "#include <stdlib.h>", ""];
  for (let i = 0; i < C_FUNCTIONS; i++) {
    lines.push(
      `static int step${i}(const int *a, int n)`,
      "{",
      `    int s = ${i};`,
      "    for (int i = 0; i < n; i++) {",
      `        if (a[i] % ${i + 2} == 0)`,
      `            s += a[i] * ${i + 3};`,
      "        else",
      `            s ^= a[i] + ${i};`,
      "    }",
      "    return s;",
      "}",
    );
  }
  lines.push("", "int main(int argc, char **argv)", "{", "    int a[64];", "    int t = 0;", "    (void)argv;");
  lines.push("    for (int i = 0; i < 64; i++)", "        a[i] = i * argc;");
  for (let i = 0; i < C_FUNCTIONS; i += 4) lines.push(`    t += step${i}(a, 64 - ${i});`);
  lines.push('    printf("%d\\n", t);', "    return 0;", "}", "");
  fs.writeFileSync(path.join(directory, "program.c"), lines.join("\n"));
}

import { readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { MACHINE_FILES, TASK_FILES } from "../src/core/abi/proc/tree.ts";
import { SYSCALLS } from "../src/core/abi/syscall/table.ts";

const ABI = path.join(import.meta.dirname, "../src/core/abi");
const HERE = path.join(ABI, "syscall");

/** Every function `sys…` that a file of this folder exports. */
async function exportedCalls(): Promise<Map<unknown, string>> {
  const calls = new Map<unknown, string>();
  for (const file of readdirSync(HERE)) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
    const module = (await import(path.join(HERE, file))) as Record<string, unknown>;
    for (const [name, value] of Object.entries(module)) if (/^sys[A-Z]/.test(name)) calls.set(value, name);
  }
  return calls;
}

test("every call of the folder is in the table, and every line of the table is a call of the folder", async () => {
  const calls = await exportedCalls();
  const listed = new Map<unknown, string>(SYSCALLS.map((row) => [row.run, row.name]));
  expect([...calls].filter(([run]) => !listed.has(run)).map(([, name]) => name)).toEqual([]);
  expect([...listed].filter(([run]) => !calls.has(run)).map(([, name]) => name)).toEqual([]);
});

test("a call's function bears its name", async () => {
  const calls = await exportedCalls();
  const camel = (name: string): string =>
    `sys${name
      .split("_")
      .map((word) => word[0]?.toUpperCase() + word.slice(1))
      .join("")}`;
  for (const row of SYSCALLS) expect(calls.get(row.run)).toBe(camel(row.name));
});

test("numbers are x86-64's, ascending, and each says how faithful it is", () => {
  const numbers = SYSCALLS.map((row) => row.nr);
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  expect(new Set(numbers).size).toBe(numbers.length);
  for (const row of SYSCALLS) expect(row.faithful).toMatch(/^(exact|partial: .+)$/);
});

test("every file of the /proc folder shows a file of the tree, and the other way round", () => {
  const files = readdirSync(path.join(ABI, "proc")).filter(
    (file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && file !== "tree.ts",
  );
  // A folder of /proc, such as pressure/, is one file here.
  const names = new Set([...TASK_FILES, ...MACHINE_FILES].map((row) => `${row.name.split("/")[0]!.replaceAll("_", "-")}.ts`));
  expect(files.sort()).toEqual([...names].sort());
});

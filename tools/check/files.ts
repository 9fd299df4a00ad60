/**
 * The source files the checks look at.
 */
import { readdirSync } from "node:fs";
import path from "node:path";

/** Every file below `folder` whose name ends in .ts and is no test, sorted, with forward slashes. */
export function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => path.posix.join(folder, name.split(path.sep).join("/")))
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .sort();
}

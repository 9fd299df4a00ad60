/**
 * Output files appear whole or not at all: written under a temporary name beside the target, renamed at the end.
 */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { fileProblem } from "./user-error.ts";

/** Writes the text to the path; on any failure nothing is left under either name and a UserError is thrown. */
export function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw fileProblem(path, error);
  }
}

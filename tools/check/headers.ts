/**
 * Every source file opens with what it is; a file of the core also names the kernel's source and a document.
 */
import { readFileSync } from "node:fs";
import { sourceFiles } from "./files.ts";

/** One line a file whose header is missing or lacks something. */
export function checkHeaders(): string[] {
  const findings: string[] = [];
  for (const file of [...sourceFiles("src"), ...sourceFiles("tools")]) {
    const text = readFileSync(file, "utf8");
    const header = /^(?:#![^\n]*\n)?\/\*\*([\s\S]*?)\*\//.exec(text)?.[1];
    if (header === undefined) findings.push(`${file}: does not open with a header comment`);
    else if (file.startsWith("src/core/") && !file.startsWith("src/core/base/") && !file.endsWith("/index.ts")) {
      if (!header.includes("Linux:")) findings.push(`${file}: its header has no "Linux:" line`);
      if (!header.includes("Doc:")) findings.push(`${file}: its header has no "Doc:" line`);
    }
  }
  return findings;
}

/**
 * Folders that are lists: each file in them stands in its list, and each line of the list leads to a file.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { sourceFiles } from "./files.ts";

interface FolderList {
  readonly folder: string;
  /** The file that lists the folder's files by importing them. */
  readonly list: string;
}

const FOLDERS: readonly FolderList[] = [
  { folder: "src/core/abi/syscall", list: "src/core/abi/syscall/table.ts" },
  { folder: "src/core/abi/proc", list: "src/core/abi/proc/tree.ts" },
  { folder: "src/core/reclaim/policy/textbook", list: "src/core/reclaim/policy/textbook/list.ts" },
  { folder: "src/programs/replay", list: "src/programs/replay/index.ts" },
];

/** Every module a file reaches by imports that stay inside the folder. */
function reached(list: string, folder: string): Set<string> {
  const seen = new Set<string>();
  const queue = [list];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const match of readFileSync(file, "utf8").matchAll(/from "(\.{1,2}\/[^"]+)"/g)) {
      const target = path.posix.join(path.posix.dirname(file), match[1]!);
      if (target.startsWith(`${folder}/`)) queue.push(target);
    }
  }
  return seen;
}

/** One line a file of a listed folder that its list does not reach. (The other way round does not compile.) */
export function checkLists(): string[] {
  const findings: string[] = [];
  for (const { folder, list } of FOLDERS) {
    const listed = reached(list, folder);
    for (const file of sourceFiles(folder)) {
      if (!listed.has(file)) findings.push(`${file}: is not in ${list}`);
    }
  }
  return findings;
}

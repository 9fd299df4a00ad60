import { expect, test } from "vitest";
import { boot, checkKernel, PRESETS } from "../../src/core/index.ts";
import { readScript } from "../../src/programs/script/check.ts";
import { runScript } from "../../src/programs/script/run.ts";

/** The transcript of a script on a small machine, without its first line; its machine is checked afterwards. */
function run(text: string): string[] {
  const { script, errors } = readScript(text, "t.pw");
  expect(errors).toEqual([]);
  const k = boot(PRESETS.tiny!);
  const lines: string[] = [];
  expect(runScript(k, script, (line) => lines.push(line))).toBeUndefined();
  checkKernel(k);
  return lines.slice(1);
}

const MAP = "a = mmap(NULL, 64K, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)";

test("MADV_PAGEOUT puts all pages into swap, and what is loaded afterwards is what was stored", () => {
  const lines = run(
    ["swap 4M", MAP, "scan store a 64K", "madvise(a, 64K, MADV_PAGEOUT)", "show pagemap a 64K"]
      .concat(["scan load a 64K"])
      .join("\n"),
  );
  expect(lines).toContain("| a..a+64K swapped soft-dirty");
  // The pages were kept in the swap cache while they were written, so no fault waits; the hash is that of 0 to 15.
  expect(lines.at(-1)).toMatch(/^scan load a 64K = 16 accesses fnv 0x93aab7c5 minor \d+( major \d+)?$/);
});

test("MADV_FREE drops what is in swap: it reads as zeros, and nothing is read", () => {
  const lines = run(
    ["swap 4M", MAP, "scan store a 64K", "madvise(a, 64K, MADV_PAGEOUT)", "madvise(a, 64K, MADV_FREE)"]
      .concat(["show pagemap a 64K", "load a+60K 4", "show vmstat pswpin"])
      .join("\n"),
  );
  expect(lines.slice(-5)).toEqual([
    "show pagemap a 64K",
    "| a..a+64K soft-dirty",
    "load a+60K 4 = 0x0 minor 1",
    "show vmstat pswpin",
    "| pswpin 0",
  ]);
});

test("MADV_PAGEOUT leaves pages alone that another process maps, too", () => {
  const lines = run(
    ["swap 4M", MAP, "scan store a 64K", "p = fork()", "madvise(a, 64K, MADV_PAGEOUT)", "show pagemap a 64K"].join(
      "\n",
    ),
  );
  expect(lines.at(-1)).toBe("| a..a+64K present soft-dirty");
});

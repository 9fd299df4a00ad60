import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { stubElf } from "../../src/programs/script/stub-elf.ts";

test("the stub here is the one that real kernels ran for the golden cases", () => {
  const recorded = readFileSync(new URL("../../golden/stub/stub.elf", import.meta.url));
  expect([...stubElf()]).toEqual([...recorded]);
});

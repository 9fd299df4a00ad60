import { expect, test } from "vitest";
import { fileMachine } from "../../../test/support/file-machine.ts";
import { allocMm, freeMm } from "./mm.ts";

test("rows that were given back are given out again, each once", () => {
  const { k } = fileMachine();
  const rows = [0, 1, 2, 3, 4].map(() => allocMm(k));
  // The first row given back is also the number of a place on the stack of free rows.
  for (const mm of rows.slice(1)) freeMm(k, mm);
  freeMm(k, rows[0]!);
  const again = rows.map(() => allocMm(k));
  expect([...again].sort((a, b) => a - b)).toEqual(rows);
});

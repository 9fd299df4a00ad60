/** What `pagewalk machine show` prints is a machine file. */
import { expect, test } from "vitest";
import { completeMachine, PRESETS } from "../../core/index.ts";
import { parseMachine } from "./machine-file.ts";

test.each(Object.keys(PRESETS))("%s as shown is a machine file of the same machine", (name) => {
  const machine = completeMachine(PRESETS[name]!);
  expect(completeMachine(parseMachine("shown.json", JSON.stringify(machine)))).toEqual(machine);
});

import { expect, test } from "vitest";
import { compareTranscripts, readDiffers } from "./compare.ts";

function compare(left: string, right: string, differs = "") {
  const rules = readDiffers(differs);
  if (typeof rules === "string") throw new Error(rules);
  return compareTranscripts({ name: "kernel", text: left }, { name: "model", text: right }, rules);
}

test("equal transcripts are equal", () => {
  expect(compare("a\nb\n", "a\nb\n")).toEqual({ equal: true, report: "", accepted: 0 });
});

test("a difference is reported as a unified diff", () => {
  const { equal, report } = compare("a\nb\n", "a\nc\n");
  expect(equal).toBe(false);
  expect(report).toBe("--- kernel\n+++ model\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
});

test("a rule accepts a pair of lines that both match it whole", () => {
  const rule = "/VmPeak: +\\d+ kB/ the peak counts pages in flight";
  expect(compare("VmPeak: 10 kB\n", "VmPeak: 12 kB\n", rule)).toEqual({
    equal: true,
    report: "",
    accepted: 1,
  });
  expect(compare("VmPeak: 10 kB\n", "VmPeak: none\n", rule).equal).toBe(false);
});

test("a rule that is not needed is a difference", () => {
  expect(compare("a\n", "a\n", "/b/ never").report).toContain("not needed: /b/ never");
});

test("a line of differs.txt that is no rule is named", () => {
  expect(readDiffers("# fine\nnonsense\n")).toBe(
    "differs.txt:2:1: expected /PATTERN/ and a reason, found nonsense",
  );
});

test("a rule of another machine need not be needed", () => {
  const rules = readDiffers("/b/ on another processor", "differs.txt");
  if (typeof rules === "string") throw new Error(rules);
  const idle = rules.map((rule) => ({ ...rule, mayIdle: true }));
  expect(compareTranscripts({ name: "l", text: "a\n" }, { name: "r", text: "a\n" }, idle).equal).toBe(true);
});

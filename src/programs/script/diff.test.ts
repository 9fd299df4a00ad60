import { expect, test } from "vitest";
import { diffLines, unifiedDiff } from "./diff.ts";

function drawn(left: string, right: string): string {
  return diffLines([...left], [...right])
    .map((edit) => (edit.kind === " " ? edit.text : edit.kind + edit.text))
    .join(" ");
}

test("equal texts have an edit script without edits", () => {
  expect(drawn("abc", "abc")).toBe("a b c");
  expect(unifiedDiff("x", "y", ["a", "b"], ["a", "b"])).toBe("");
});

test("the edit script of Myers' own example has five edits", () => {
  const edits = diffLines([..."abcabba"], [..."cbabac"]);
  expect(edits.filter((edit) => edit.kind !== " ").length).toBe(5);
  expect(
    edits
      .filter((edit) => edit.kind !== "+")
      .map((edit) => edit.text)
      .join(""),
  ).toBe("abcabba");
  expect(
    edits
      .filter((edit) => edit.kind !== "-")
      .map((edit) => edit.text)
      .join(""),
  ).toBe("cbabac");
});

test("lines at either end are found added or removed", () => {
  expect(drawn("", "ab")).toBe("+a +b");
  expect(drawn("ab", "")).toBe("-a -b");
  expect(drawn("ab", "xaby")).toBe("+x a b +y");
});

test("a change far from another gets a hunk of its own, as diff -u prints it", () => {
  const left = [..."abcdefghijklmnop"];
  const right = [..."Abcdefghijklmnop", "q"];
  expect(unifiedDiff("old", "new", left, right)).toBe(
    [
      "--- old",
      "+++ new",
      "@@ -1,4 +1,4 @@",
      "-a",
      "+A",
      " b",
      " c",
      " d",
      "@@ -14,3 +14,4 @@",
      " n",
      " o",
      " p",
      "+q",
      "",
    ].join("\n"),
  );
});

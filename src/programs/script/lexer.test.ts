import { expect, test } from "vitest";
import { lexLine } from "./lexer.ts";

function words(line: string): string {
  return lexLine(line)
    .tokens.map((token) => (token.kind === "number" ? String(token.value) : token.text))
    .join(" ");
}

test("sizes have suffixes in powers of 1024, decimal and hexadecimal", () => {
  expect(words("4K 64M 1G 2T 0x10K 0xff 7")).toBe(
    "4096 67108864 1073741824 2199023255552 16384 255 7 end of line",
  );
});

test("a comment ends the line and is not part of its text", () => {
  const line = lexLine("  load a 4   # reads  ");
  expect(line.text).toBe("load a 4");
  expect(line.tokens.length).toBe(4);
});

test("an empty line has only its end", () => {
  expect(lexLine("   # nothing").tokens.map((token) => token.kind)).toEqual(["end"]);
});

test("malformed words are refused with their column", () => {
  expect(lexLine("load a 4Q").error).toEqual({
    column: 8,
    message: "expected a number such as 4096, 4K or 0x1000, found 4Q",
  });
  expect(lexLine("a = 9007199254740992").error?.message).toBe(
    "expected a number below 2^53, found 9007199254740992",
  );
  expect(lexLine("load ? 4").error).toEqual({ column: 6, message: 'expected a word, found "?"' });
  expect(lexLine('open("a b")').error?.column).toBe(6);
});

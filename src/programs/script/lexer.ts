/**
 * Cuts one line of a script into words.
 * Doc: docs/script.md, section 1
 */

export type TokenKind = "number" | "name" | "string" | "punctuation" | "end";

/** One word. `value` counts for numbers only. Columns count from 1. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly value: number;
  readonly column: number;
}

/** The words of a line (the last is of kind "end"), the line without its comment, and what was wrong with it. */
export interface LexedLine {
  readonly tokens: readonly Token[];
  readonly text: string;
  readonly error?: { readonly column: number; readonly message: string };
}

const SUFFIX_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  K: 1024,
  M: 1048576,
  G: 1073741824,
  T: 1099511627776,
};

const WORD =
  /(?<blank>[ \t]+)|(?<comment>#.*)|(?<number>[0-9][0-9A-Za-z_]*)|(?<name>[A-Za-z_][A-Za-z0-9_]*)|(?<string>"[^"]*"?)|(?<punctuation>[=(),:/+\-*|.])/y;
const STRING = /^"[A-Za-z0-9._\-/]{1,64}"$/;
const NUMBER = /^(0x[0-9a-fA-F]+|[0-9]+)([KMGT]?)$/;

/** Cuts a line. The line end is not part of it. */
export function lexLine(line: string): LexedLine {
  const tokens: Token[] = [];
  let at = 0;
  let end = line.length;
  while (at < line.length) {
    WORD.lastIndex = at;
    const groups = WORD.exec(line)?.groups;
    const column = at + 1;
    if (groups === undefined) {
      return failed(
        line,
        column,
        `expected a word, found ${JSON.stringify(String.fromCodePoint(line.codePointAt(at)!))}`,
      );
    }
    if (groups.comment !== undefined) {
      end = at;
      break;
    }
    const made = makeToken(groups, column);
    if (typeof made === "string") return failed(line, column, made);
    if (made !== undefined) tokens.push(made);
    at = WORD.lastIndex;
  }
  const text = line.slice(0, end).trim();
  tokens.push({
    kind: "end",
    text: "end of line",
    value: 0,
    column: line.slice(0, end).trimEnd().length + 1,
  });
  return { tokens, text };
}

function failed(line: string, column: number, message: string): LexedLine {
  return { tokens: [], text: line.trim(), error: { column, message } };
}

/** The token of what matched; undefined for blanks; a message when the word is malformed. */
function makeToken(
  groups: Readonly<Record<string, string | undefined>>,
  column: number,
): Token | undefined | string {
  if (groups.number !== undefined) {
    const value = numberValue(groups.number);
    if (typeof value === "string") return value;
    return { kind: "number", text: groups.number, value, column };
  }
  if (groups.string !== undefined) {
    if (!STRING.test(groups.string))
      return 'expected a path of letters, digits, ".", "_", "-" and "/" in quotes';
    return { kind: "string", text: groups.string.slice(1, -1), value: 0, column };
  }
  if (groups.name !== undefined) return { kind: "name", text: groups.name, value: 0, column };
  if (groups.punctuation !== undefined)
    return { kind: "punctuation", text: groups.punctuation, value: 0, column };
  return undefined;
}

function numberValue(text: string): number | string {
  const match = NUMBER.exec(text);
  if (match === null) return `expected a number such as 4096, 4K or 0x1000, found ${text}`;
  const value = Number(match[1]) * SUFFIX_BYTES[match[2]!]!;
  return Number.isSafeInteger(value) ? value : `expected a number below 2^53, found ${text}`;
}

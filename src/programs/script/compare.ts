/**
 * Compares two transcripts of one script, with the rules that say which lines may differ.
 *
 * A rule is a line `/PATTERN/ REASON` of a case's differs.txt. Unequal lines are accepted in pairs, and only when one
 * rule's pattern matches both whole lines; a rule that accepted nothing is itself a difference.
 * Doc: docs/script.md, section 13
 */
import { diffLines, unifiedDiff } from "./diff.ts";

/** One line of differs.txt. */
export interface DifferRule {
  readonly pattern: RegExp;
  readonly reason: string;
  /** The line as written. */
  readonly text: string;
  /** The rule was written for another machine, and need not accept anything on this one. */
  readonly mayIdle?: boolean;
}

/** What a comparison found. */
export interface Comparison {
  readonly equal: boolean;
  /** `diff -u` of what is not accepted, then unneeded rules; "" when equal. */
  readonly report: string;
  /** Pairs of lines that differ and may. */
  readonly accepted: number;
}

/** Reads differs.txt, or another file of its form. Returns the rules, or a message about the line that is no rule. */
export function readDiffers(text: string, name = "differs.txt"): readonly DifferRule[] | string {
  const rules: DifferRule[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const match = /^\/(.+)\/\s+(\S.*)$/.exec(line);
    if (match === null) return `${name}:${index + 1}:1: expected /PATTERN/ and a reason, found ${line}`;
    try {
      rules.push({ pattern: new RegExp(`^(?:${match[1]})$`), reason: match[2]!, text: line });
    } catch {
      return `${name}:${index + 1}:1: expected a regular expression, found ${match[1]}`;
    }
  }
  return rules;
}

/** Compares two transcripts. Names are those of the report's two sides. */
export function compareTranscripts(
  left: { readonly name: string; readonly text: string },
  right: { readonly name: string; readonly text: string },
  rules: readonly DifferRule[] = [],
): Comparison {
  const leftLines = textLines(left.text);
  const rightLines = textLines(right.text);
  const { lines, used, accepted } = acceptPairs(leftLines, rightLines, rules);
  let report = unifiedDiff(left.name, right.name, lines, rightLines);
  for (const rule of rules)
    if (!used.has(rule) && rule.mayIdle !== true) report += `a rule is not needed: ${rule.text}\n`;
  return { equal: report === "", report, accepted };
}

function textLines(text: string): string[] {
  const lines = text.split("\n");
  if (lines[lines.length - 1] === "") lines.pop();
  return lines;
}

/** The left lines, with those that may differ replaced by their partner on the right. */
function acceptPairs(left: readonly string[], right: readonly string[], rules: readonly DifferRule[]) {
  const lines: string[] = [];
  const used = new Set<DifferRule>();
  let accepted = 0;
  let removed: string[] = [];
  let added: string[] = [];
  const flush = () => {
    for (const [index, line] of removed.entries()) {
      const partner = added[index];
      const rule =
        partner === undefined
          ? undefined
          : rules.find((one) => one.pattern.test(line) && one.pattern.test(partner));
      if (rule !== undefined) {
        used.add(rule);
        accepted++;
      }
      lines.push(rule === undefined ? line : partner!);
    }
    removed = [];
    added = [];
  };
  for (const edit of diffLines(left, right)) {
    if (edit.kind === "-") removed.push(edit.text);
    else if (edit.kind === "+") added.push(edit.text);
    else {
      flush();
      lines.push(edit.text);
    }
  }
  flush();
  return { lines, used, accepted };
}

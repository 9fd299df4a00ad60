/**
 * The difference of two texts, line by line, as `diff -u` prints it.
 *
 * Myers' greedy algorithm: for each number of edits d, the farthest point reached on every diagonal; the first d that
 * reaches the end is least, and walking the kept frontiers back gives the edits.
 * Doc: Myers, "An O(ND) difference algorithm and its variations" (1986)
 */

/** One line of an edit script: in both, only on the left, only on the right. */
export interface Edit {
  readonly kind: " " | "-" | "+";
  readonly text: string;
}

/** The shortest edit script from `left` to `right`. */
export function diffLines(left: readonly string[], right: readonly string[]): Edit[] {
  const frontiers = searchFrontiers(left, right);
  const edits: Edit[] = [];
  let x = left.length;
  let y = right.length;
  for (let d = frontiers.length - 1; d > 0; d--) {
    const before = frontiers[d - 1]!;
    const diagonal = x - y;
    const isDown = diagonal === -d || (diagonal !== d && at(before, diagonal - 1) < at(before, diagonal + 1));
    const fromDiagonal = isDown ? diagonal + 1 : diagonal - 1;
    const fromX = at(before, fromDiagonal);
    const fromY = fromX - fromDiagonal;
    while (x > fromX + (isDown ? 0 : 1) && y > fromY + (isDown ? 1 : 0)) {
      x--;
      y--;
      edits.push({ kind: " ", text: left[x]! });
    }
    if (isDown) edits.push({ kind: "+", text: right[--y]! });
    else edits.push({ kind: "-", text: left[--x]! });
  }
  while (x > 0) edits.push({ kind: " ", text: left[--x]! });
  return edits.reverse();
}

/** Farthest x by diagonal (shifted by d), for d = 0, 1, … up to the d that reaches the end. */
function searchFrontiers(left: readonly string[], right: readonly string[]): Int32Array[] {
  const frontiers: Int32Array[] = [];
  for (let d = 0; ; d++) {
    const frontier = new Int32Array(2 * d + 1);
    const before = frontiers[d - 1];
    frontiers.push(frontier);
    for (let diagonal = -d; diagonal <= d; diagonal += 2) {
      let x = 0;
      if (before !== undefined) {
        const isDown =
          diagonal === -d || (diagonal !== d && at(before, diagonal - 1) < at(before, diagonal + 1));
        x = isDown ? at(before, diagonal + 1) : at(before, diagonal - 1) + 1;
      }
      let y = x - diagonal;
      while (x < left.length && y < right.length && left[x] === right[y]) {
        x++;
        y++;
      }
      frontier[diagonal + d] = x;
      if (x >= left.length && y >= right.length) return frontiers;
    }
  }
}

function at(frontier: Int32Array, diagonal: number): number {
  return frontier[diagonal + (frontier.length - 1) / 2] ?? -1;
}

const CONTEXT = 3;

/** `diff -u` of two texts with these names; "" when they are equal. */
export function unifiedDiff(
  leftName: string,
  rightName: string,
  left: readonly string[],
  right: readonly string[],
): string {
  const edits = diffLines(left, right);
  const lines: string[] = [];
  let leftLine = 1;
  let rightLine = 1;
  let i = 0;
  while (i < edits.length) {
    const hunkEnd = hunkAt(edits, i);
    if (hunkEnd === i) {
      leftLine++;
      rightLine++;
      i++;
      continue;
    }
    const hunk = edits.slice(i, hunkEnd);
    const leftCount = hunk.filter((edit) => edit.kind !== "+").length;
    const rightCount = hunk.filter((edit) => edit.kind !== "-").length;
    lines.push(
      `@@ -${leftLine},${leftCount} +${rightLine},${rightCount} @@`,
      ...hunk.map((edit) => edit.kind + edit.text),
    );
    leftLine += leftCount;
    rightLine += rightCount;
    i = hunkEnd;
  }
  return lines.length === 0 ? "" : [`--- ${leftName}`, `+++ ${rightName}`, ...lines, ""].join("\n");
}

/** Where the hunk that begins at `from` ends; `from` itself when no change is within the context. */
function hunkAt(edits: readonly Edit[], from: number): number {
  let lastChange = -1;
  for (let i = from; i < edits.length; i++) {
    if (edits[i]!.kind !== " ") lastChange = i;
    else if (i - (lastChange < 0 ? from : lastChange) >= (lastChange < 0 ? CONTEXT : 2 * CONTEXT)) break;
  }
  return lastChange < 0 ? from : Math.min(edits.length, lastChange + 1 + CONTEXT);
}

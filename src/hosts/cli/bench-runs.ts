/**
 * What the parts of the bench share: lists of accesses for the model to play, and the median of what was measured.
 */
import { type AccessRuns, vpnHigh, vpnLow } from "../../core/index.ts";

/** Room for so many accesses of one store or load each. */
export function emptyRuns(length: number): AccessRuns {
  return {
    high: new Int32Array(length),
    low: new Int32Array(length),
    count: new Int32Array(length).fill(1),
    outcome: new Int32Array(1),
  };
}

/** Makes the i-th access one of a kind, ACCESS_*, to a page. */
export function setRun(runs: AccessRuns, i: number, vpn: number, kind: number): void {
  runs.high[i] = vpnHigh(vpn);
  runs.low[i] = (vpnLow(vpn) << 2) | kind;
}

/** The median, the upper one of two; NaN of nothing. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/**
 * How the JavaScript engine is told to compile the core.
 *
 * A fault or an access is a dozen small functions on as many floors. V8 stops inlining when a function has grown by some
 * 900 bytecodes, which is in the middle of that chain; with a larger budget faults, copies and unmapping are about a
 * tenth faster, and nothing is slower (npm run bench). The results are the same either way.
 */
import v8 from "node:v8";

/** Raises V8's inlining budgets. To be called before the core runs; what is compiled already stays as it is. */
export function tuneEngine(): void {
  v8.setFlagsFromString("--max-inlined-bytecode-size-cumulative=6000");
  v8.setFlagsFromString("--max-inlined-bytecode-size=1000");
}

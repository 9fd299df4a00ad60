/**
 * How the JavaScript engine is told to compile the core.
 *
 * A fault or an access is a dozen small functions on as many floors. V8 stops inlining when a function has grown by some
 * 900 bytecodes, which is in the middle of that chain; with a larger budget faults, copies and unmapping are about a
 * tenth faster (npm run bench): 123 ns a fault at V8's own budget, 103 at 2500, 98 from 3500 on. The larger the budget, the
 * longer compiling takes, and until a function is compiled it runs slowly: a short run under memory pressure takes 4 %
 * longer than at 2500, and at 6000 a fifth longer.
 * The results are the same either way.
 */
import v8 from "node:v8";

/** Raises V8's inlining budget. To be called before the core runs; what is compiled already stays as it is. */
export function tuneEngine(): void {
  v8.setFlagsFromString("--max-inlined-bytecode-size-cumulative=3500");
}

/**
 * How the JavaScript engine is told to compile the core.
 *
 * A fault or an access is a dozen small functions on as many floors. V8 stops inlining when a function has grown by some
 * 900 bytecodes, which is in the middle of that chain. The larger the budget, the longer compiling takes, and until a function
 * is compiled it runs slowly. With the code that the build gives every machine (tools/specialise.mjs) a fault takes 86 ns at
 * V8's own budget, 82 at 1500, 62 from 2500 on; a short run under memory pressure, 500, 540 and 630 ms.
 * The results are the same either way.
 */
import v8 from "node:v8";

/** Raises V8's inlining budget. To be called before the core runs; what is compiled already stays as it is. */
export function tuneEngine(): void {
  v8.setFlagsFromString("--max-inlined-bytecode-size-cumulative=1500");
}

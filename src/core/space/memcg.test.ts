/**
 * The arithmetic of mm/page_counter.c (6.12): charging up the tree, stocks, and protection. The figures of protection are
 * those of tools/testing/selftests/cgroup/test_memcontrol.c from before memory_recursiveprot, which is off here as well.
 */
import { expect, test } from "vitest";
import { fileMachine } from "../../../test/support/file-machine.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import {
  calculateProtection,
  chargeCounter,
  consumeStock,
  createMemcg,
  drainAllStock,
  MEMCG_CHARGE_BATCH,
  MEMCG_MAX,
  memcgBelowLow,
  memcgBelowMin,
  memcgEvent,
  memcgMargin,
  NR_MEMCG_EVENTS,
  nextMemcg,
  offlineMemcg,
  refillStock,
  setProtection,
  tryChargeCounter,
  unchargeCounter,
} from "./memcg.ts";

const MIB = 256;

/** A tree: a name for each cgroup, with its parent's before it where it has one. */
function tree(...paths: string[]): { k: Kernel; of: (path: string) => number } {
  const { k } = fileMachine();
  const rows = new Map<string, number>([["", 0]]);
  for (const path of paths) {
    const cut = Math.max(0, path.lastIndexOf("/"));
    rows.set(path, createMemcg(k, rows.get(path.slice(0, cut))!, path.slice(cut + (cut > 0 ? 1 : 0))));
  }
  return { k, of: (path) => rows.get(path)! };
}

test("a charge goes up to the root, or nowhere when a limit on the way refuses it", () => {
  const { k, of } = tree("a", "a/b", "a/b/c");
  k.memcg.max[of("a")] = 100;
  expect(tryChargeCounter(k, of("a/b/c"), 80)).toBe(-1);
  expect(tryChargeCounter(k, of("a/b/c"), 21)).toBe(of("a"));
  expect(["a", "a/b", "a/b/c"].map((path) => k.memcg.usage[of(path)])).toEqual([80, 80, 80]);
  expect(["a", "a/b"].map((path) => k.memcg.failcnt[of(path)])).toEqual([1, 0]);
  expect([memcgMargin(k, of("a")), memcgMargin(k, of("a/b"))]).toEqual([20, Number.POSITIVE_INFINITY]);
  chargeCounter(k, of("a/b"), 30);
  expect([k.memcg.usage[of("a")], memcgMargin(k, of("a"))]).toEqual([110, 0]);
  unchargeCounter(k, of("a/b"), 30);
  unchargeCounter(k, of("a/b/c"), 80);
  expect([k.memcg.usage[of("a")], k.memcg.watermark[of("a")]]).toEqual([0, 110]);
});

test("a CPU's stock is of one cgroup and of one batch at most", () => {
  const { k, of } = tree("a", "b");
  tryChargeCounter(k, of("a"), MEMCG_CHARGE_BATCH);
  refillStock(k, of("a"), MEMCG_CHARGE_BATCH - 1);
  expect(consumeStock(k, of("b"), 1)).toBe(false);
  expect(consumeStock(k, of("a"), 60)).toBe(true);
  expect(consumeStock(k, of("a"), 4)).toBe(false);
  // Another cgroup's pages drive out what is left.
  tryChargeCounter(k, of("b"), 10);
  refillStock(k, of("b"), 10);
  expect([k.memcg.usage[of("a")], k.memcg.usage[of("b")]]).toEqual([61, 10]);
  drainAllStock(k, of("a"));
  expect(k.memcg.usage[of("b")]).toBe(10);
  drainAllStock(k, 0);
  expect(k.memcg.usage[of("b")]).toBe(0);
});

test("children share their parent's protection by what they use of their own", () => {
  const { k, of } = tree("p", "p/a", "p/a/b", "p/a/c", "p/a/d");
  setProtection(k, of("p/a"), 50 * MIB, 50 * MIB);
  setProtection(k, of("p/a/b"), 75 * MIB, 75 * MIB);
  setProtection(k, of("p/a/c"), 25 * MIB, 25 * MIB);
  for (const child of ["b", "c", "d"]) chargeCounter(k, of(`p/a/${child}`), 50 * MIB);
  setProtection(k, of("p"), 200 * MIB, 0);
  for (const path of ["p", "p/a", "p/a/b", "p/a/c", "p/a/d"]) calculateProtection(k, 0, of(path));
  const emin = (path: string): number => Math.floor(k.memcg.emin[of(path)]! / MIB);
  expect([emin("p/a"), emin("p/a/b"), emin("p/a/c"), emin("p/a/d")]).toEqual([50, 33, 16, 0]);
  // The grandparent protects nothing in low, so nothing below it is.
  expect(k.memcg.elow[of("p/a/b")]).toBe(0);
  expect(memcgBelowMin(k, 0, of("p/a/b"))).toBe(false);
  unchargeCounter(k, of("p/a/b"), 40 * MIB);
  calculateProtection(k, 0, of("p/a/b"));
  // 10 MiB used and 25 MiB of the other fit into 50.
  expect(emin("p/a/b")).toBe(10);
  expect(memcgBelowMin(k, 0, of("p/a/b"))).toBe(true);
  // Reclaim for a limit of the cgroup itself is not held off by its own protection.
  expect(memcgBelowMin(k, of("p/a/b"), of("p/a/b"))).toBe(false);
});

test("below the cgroup that reclaim is for, settings count as they are", () => {
  const { k, of } = tree("a", "a/b");
  setProtection(k, of("a/b"), 0, 5);
  chargeCounter(k, of("a/b"), 4);
  calculateProtection(k, of("a"), of("a/b"));
  expect(memcgBelowLow(k, of("a"), of("a/b"))).toBe(true);
  chargeCounter(k, of("a/b"), 2);
  expect(memcgBelowLow(k, of("a"), of("a/b"))).toBe(false);
});

test("events count for the cgroup and all above it, its own apart", () => {
  const { k, of } = tree("a", "a/b");
  memcgEvent(k, of("a/b"), MEMCG_MAX);
  const own = (path: string): number => k.memcg.eventLocal[of(path) * NR_MEMCG_EVENTS + MEMCG_MAX]!;
  const all = (path: string): number => k.memcg.event[of(path) * NR_MEMCG_EVENTS + MEMCG_MAX]!;
  expect([own("a"), own("a/b"), all("a"), all("a/b")]).toEqual([0, 1, 1, 1]);
});

test("a walk meets parents before children and the older child first", () => {
  const { k, of } = tree("a", "b", "a/c", "a/d", "a/c/e");
  const met: number[] = [];
  for (let at = 0; at >= 0; at = nextMemcg(k, 0, at)) met.push(at);
  expect(met).toEqual([0, ...["a", "a/c", "a/c/e", "a/d", "b"].map(of)]);
});

test("a removed cgroup gives up its protection at once and its row when nothing holds it", () => {
  const { k, of } = tree("a", "a/b");
  setProtection(k, of("a/b"), 10, 10);
  chargeCounter(k, of("a/b"), 8);
  expect(k.memcg.childrenMinUsage[of("a")]).toBe(8);
  k.memcg.held[of("a/b")]! += 1;
  offlineMemcg(k, of("a/b"));
  expect(k.memcg.childrenMinUsage[of("a")]).toBe(0);
  unchargeCounter(k, of("a/b"), 8);
  k.memcg.held[of("a/b")]! -= 1;
  offlineMemcg(k, of("a/b"));
  expect(k.memcg.firstChild[of("a")]).toBe(0);
  offlineMemcg(k, of("a"));
  expect(k.memcg.rows[1]).toBe(1);
  checkKernel(k);
});

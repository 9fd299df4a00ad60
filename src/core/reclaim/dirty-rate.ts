/**
 * How fast a writer writes, and how fast those may dirty its pages who have to wait for it.
 *
 *   position   2 at the free run's end, 1 at the set point half way to the limit, 0 at the limit (a cubic curve);
 *              bent by how far the writer itself is from its part of that
 *   rate       of a task: follows write bandwidth / tasks, found by measuring what the rate that was allowed has led to
 *
 *        task's rate = rate * position
 *
 * All numbers are whole, in pages a second and ticks of the kernel's clock, with 1024 for 1 where there are fractions.
 * Linux: mm/page-writeback.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (dirty_ratio)
 */
import { type DirtyControl, freeRunCeiling } from "./dirty-limits.ts";
import type { ReclaimState } from "./state.ts";

/** Ticks a second (Debian's CONFIG_HZ) and their length. */
export const HZ = 250;
export const TICK_NS = 4e6;
/** Ticks between two estimates (Linux: BANDWIDTH_INTERVAL), and over which bandwidth is smoothed. */
export const ESTIMATE_TICKS = HZ / 5;
const SMOOTHING_TICKS = 1024;
/** One, as a fraction. */
export const UNIT = 1024;

/** The kernel's clock in ticks. */
export function ticksNow(k: ReclaimState): number {
  return Math.floor(k.clock.ns[0] / TICK_NS);
}

/** When a sleep of so many ticks ends that begins now: the tick under way does not count (Linux: schedule_timeout). */
export function sleepEndNs(k: ReclaimState, ticks: number): number {
  return (ticksNow(k) + ticks + 1) * TICK_NS;
}

/** Takes note of what the writer has written since this was done last (Linux: wb_update_bandwidth). */
export function updateBandwidth(k: ReclaimState, writer: number): void {
  estimate(k, writer, []);
}

/** The same, and what it means for the rate and for the limits of the writer's domains. */
export function updateRates(k: ReclaimState, writer: number, controls: readonly DirtyControl[]): void {
  estimate(k, writer, controls);
}

/** A writer that has been idle for a second begins a new estimate (Linux: wb_bandwidth_estimate_start). */
export function beginEstimate(k: ReclaimState, writer: number): void {
  const w = k.writeback;
  if (w.writeback[writer] !== 0 || ticksNow(k) - w.rateNs[writer] <= HZ) return;
  w.dirtiedThen[writer] = w.dirtied[writer];
  w.writtenThen[writer] = w.written[writer];
  w.rateNs[writer] = ticksNow(k);
}

/** Works out `position` of a domain, 0 at its limit (Linux: wb_position_ratio). */
export function findPosition(k: ReclaimState, c: DirtyControl): void {
  const w = k.writeback;
  const limit = hardLimit(k, c);
  c.position = 0;
  if (c.dirty >= limit) return;
  const setPoint = Math.floor((freeRunCeiling(c) + limit) / 2);
  const general = curve(setPoint, c.dirty, limit);
  // A disk that has been idle has no share; it gets some room to begin with.
  const part = Math.max(Math.min(c.writerLimit, c.limit), Math.floor((limit - c.dirty) / 8));
  const share = Math.floor((part * 65536) / (c.limit | 1));
  const own = Math.floor((setPoint * share) / 65536);
  const span = Math.floor(((c.limit - part + 8 * w.avgBandwidth[c.writer]) * share) / 65536);
  const end = own + span;
  let position =
    c.writerDirty < end - Math.floor(span / 4)
      ? Math.floor((general * (end - c.writerDirty)) / ((end - own) | 1))
      : Math.floor(general / 4);
  const reserve = Math.floor(part / 2);
  if (c.writerDirty < reserve)
    position =
      c.writerDirty > Math.floor(reserve / 8)
        ? Math.floor((position * reserve) / c.writerDirty)
        : position * 8;
  c.position = position;
}

/** Limit of the domain, or what is left of a higher one that is being given up (Linux: hard_dirty_limit). */
function hardLimit(k: ReclaimState, c: DirtyControl): number {
  return Math.max(c.limit, k.writeback.dirtyLimit[c.domain]);
}

/** 2 where free run ends, 1 at the set point, 0 at the limit (Linux: pos_ratio_polynom). */
function curve(setPoint: number, dirty: number, limit: number): number {
  const x = Math.trunc(((setPoint - dirty) * UNIT) / ((limit - setPoint) | 1));
  const square = Math.floor((x * x) / UNIT);
  return Math.max(0, Math.min(2 * UNIT, Math.floor((square * x) / UNIT) + UNIT));
}

function estimate(k: ReclaimState, writer: number, controls: readonly DirtyControl[]): void {
  const w = k.writeback;
  const now = ticksNow(k);
  const elapsed = Math.max(1, now - w.rateNs[writer]);
  for (const c of controls) {
    followLimit(k, c, now);
    updateRate(k, c, elapsed);
  }
  measureBandwidth(k, writer, elapsed);
  w.dirtiedThen[writer] = w.dirtied[writer];
  w.writtenThen[writer] = w.written[writer];
  w.rateNs[writer] = now;
}

/** Smooths the bandwidth over four seconds, and the result once more (Linux: wb_update_write_bandwidth). */
function measureBandwidth(k: ReclaimState, writer: number, elapsed: number): void {
  const w = k.writeback;
  const written = w.written[writer] - w.writtenThen[writer];
  const old = w.bandwidth[writer];
  let average = w.avgBandwidth[writer];
  if (elapsed > SMOOTHING_TICKS) {
    w.bandwidth[writer] = Math.floor((written * HZ) / elapsed);
    w.avgBandwidth[writer] = Math.max(1, w.bandwidth[writer]);
    return;
  }
  const bandwidth = Math.floor((written * HZ + old * (SMOOTHING_TICKS - elapsed)) / SMOOTHING_TICKS);
  if (average > old && old >= bandwidth) average -= Math.floor((average - old) / 8);
  if (average < old && old <= bandwidth) average += Math.floor((old - average) / 8);
  w.bandwidth[writer] = bandwidth;
  w.avgBandwidth[writer] = Math.max(1, average);
}

/** The hard limit follows the threshold up at once and down slowly, above what is dirty (Linux: update_dirty_limit). */
function followLimit(k: ReclaimState, c: DirtyControl, now: number): void {
  const { dirtyLimit, dirtyLimitNs } = k.writeback;
  if (now < dirtyLimitNs[c.domain] + ESTIMATE_TICKS) return;
  const limit = dirtyLimit[c.domain];
  const target = Math.max(c.limit, c.dirty);
  if (limit < c.limit) dirtyLimit[c.domain] = c.limit;
  else if (limit > target) dirtyLimit[c.domain] = limit - Math.floor((limit - target) / 32);
  dirtyLimitNs[c.domain] = now;
}

/** Moves the rate a part of the way to where balance seems to be (Linux: wb_update_dirty_ratelimit). */
function updateRate(k: ReclaimState, c: DirtyControl, elapsed: number): void {
  const w = k.writeback;
  const { writer } = c;
  const setPoint = Math.floor((freeRunCeiling(c) + hardLimit(k, c)) / 2);
  const bandwidth = w.avgBandwidth[writer];
  const rate = w.rate[writer];
  const dirtied = Math.floor(((w.dirtied[writer] - w.dirtiedThen[writer]) * HZ) / elapsed);
  const taskRate = Math.floor((rate * c.position) / UNIT) + 1;
  const balanced = Math.min(bandwidth, Math.floor((taskRate * bandwidth) / (dirtied | 1)));
  let distance = 0;
  if (c.dirty < setPoint) distance = Math.max(0, Math.min(w.balancedRate[writer], balanced, taskRate) - rate);
  else distance = Math.max(0, rate - Math.max(w.balancedRate[writer], balanced, taskRate));
  // The nearer, the smaller the steps, so that nothing trembles around the goal.
  const shift = Math.floor(rate / (2 * distance + 1));
  const stepSize = shift < 64 ? Math.ceil(Math.floor(distance / 2 ** shift) / 8) : 0;
  w.rate[writer] = Math.max(1, rate < balanced ? rate + stepSize : rate - stepSize);
  w.balancedRate[writer] = balanced;
}

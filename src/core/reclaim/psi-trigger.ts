/**
 * Triggers: who has written "some 150000 1000000" into a pressure file is told when the stall grows by 150 ms within a second,
 * at most once a second.
 *
 *   |--- window before ---|--- window ---:      growth = what came since the window began, and of the window before the
 *             ^ its growth     ^ now            part that a window that ends now still reaches into
 *
 * Linux: kernel/sched/psi.c (6.12)   Doc: Documentation/accounting/psi.rst
 */
import { EINVAL } from "../base/errno.ts";
import type { Memcg } from "../base/types.ts";
import { PSI_TICK_NS } from "./psi-average.ts";
import { collectTimes, NR_PSI_TOTALS, PSI_AVGS, PSI_POLL, schedulePoll } from "./psi-group.ts";
import type { PsiTrigger, ReclaimState } from "./state.ts";

const NS_PER_US = 1000;
/** Longest window, and looks at a polled trigger in one. */
const WINDOW_MAX_US = 10000000;
const UPDATES_PER_WINDOW = 10;
/** Windows of those without CAP_SYS_RESOURCE are multiples of the averages' period. */
const UNPRIVILEGED_US = 2000000;

/** A group and a resource (PSI_* of psi-group.ts): what a pressure file is of. */
export interface PressureOf {
  readonly group: Memcg;
  readonly resource: number;
}

/**
 * Makes a trigger of what was written to a pressure file: some or full, the growth and the window in microseconds.
 * `isPrivileged`: the writer has CAP_SYS_RESOURCE. Returns its number, or -EINVAL.
 */
export function createTrigger(
  k: ReclaimState,
  { group, resource }: PressureOf,
  text: string,
  isPrivileged: boolean,
  nowNs: number,
): number {
  const p = k.psi;
  const match = /^(some|full)\s*([0-9]+)\s+([0-9]+)/.exec(text);
  if (match === null) return -EINVAL;
  const thresholdUs = Number(match[2]) % 2 ** 32;
  const windowUs = Number(match[3]) % 2 ** 32;
  if (windowUs === 0 || windowUs > WINDOW_MAX_US) return -EINVAL;
  if (!isPrivileged && windowUs % UNPRIVILEGED_US !== 0) return -EINVAL;
  if (thresholdUs === 0 || thresholdUs > windowUs) return -EINVAL;
  const state = resource * 2 + (match[1] === "full" ? 1 : 0);
  const trigger: PsiTrigger = {
    group,
    state,
    thresholdNs: thresholdUs * NS_PER_US,
    windowNs: windowUs * NS_PER_US,
    isPolled: isPrivileged,
    startNs: nowNs,
    startTotal: p.total[(group * 2 + PSI_POLL) * NR_PSI_TOTALS + state],
    lastGrowth: 0,
    isPending: false,
    isTold: false,
    toldNs: 0,
  };
  if (isPrivileged) notePolled(k, group, trigger);
  let row = p.triggers.indexOf(undefined);
  if (row < 0) row = p.triggers.length;
  p.triggers[row] = trigger;
  return row;
}

/** Ends a trigger: its file was closed. */
export function destroyTrigger(k: ReclaimState, row: number): void {
  const p = k.psi;
  const gone = p.triggers[row];
  p.triggers[row] = undefined;
  if (gone === undefined || !gone.isPolled) return;
  p.pollStates[gone.group] = 0;
  p.pollPeriodNs[gone.group] = Number.POSITIVE_INFINITY;
  for (const trigger of p.triggers)
    if (trigger?.isPolled && trigger.group === gone.group) notePolled(k, gone.group, trigger);
  if (p.pollStates[gone.group] !== 0) return;
  p.pollUntilNs[gone.group] = 0;
  p.pollDueNs[gone.group] = Number.POSITIVE_INFINITY;
}

/** Whether the trigger has been reached since this was asked last, as poll() answers with POLLPRI. */
export function pollTrigger(k: ReclaimState, row: number): boolean {
  const trigger = k.psi.triggers[row];
  if (trigger === undefined) return false;
  const wasTold = trigger.isTold;
  trigger.isTold = false;
  return wasTold;
}

/** Looks at the triggers of a group, polled ones or the others, and tells those that are reached (Linux: update_triggers). */
export function updateTriggers(k: ReclaimState, group: Memcg, nowNs: number, isPolled: boolean): void {
  const p = k.psi;
  const total = (group * 2 + (isPolled ? PSI_POLL : PSI_AVGS)) * NR_PSI_TOTALS;
  const before = isPolled ? p.pollTotal : p.averaged;
  for (const trigger of p.triggers) {
    if (trigger === undefined || trigger.group !== group || trigger.isPolled !== isPolled) continue;
    const now = p.total[total + trigger.state];
    const isNew = before[group * NR_PSI_TOTALS + trigger.state] !== now;
    if (isNew && grown(trigger, now, nowNs) >= trigger.thresholdNs) trigger.isPending = true;
    if (!trigger.isPending || nowNs < trigger.toldNs + trigger.windowNs) continue;
    trigger.isTold = true;
    trigger.toldNs = nowNs;
    trigger.isPending = false;
  }
}

/** The timer of a group's polled triggers: looks at them, and again soon as long as their states occur (Linux: psi_rtpoll_work). */
export function pollTriggers(k: ReclaimState, group: Memcg, nowNs: number): void {
  const p = k.psi;
  p.pollDueNs[group] = Number.POSITIVE_INFINITY;
  const wasIdle = nowNs > p.pollUntilNs[group];
  const occurred = (collectTimes(k, group, PSI_POLL, nowNs) & p.pollStates[group]) !== 0;
  if (occurred) {
    if (wasIdle) beginPolling(k, group, nowNs);
    p.pollUntilNs[group] = nowNs + p.pollPeriodNs[group] * UPDATES_PER_WINDOW;
  }
  if (nowNs > p.pollUntilNs[group]) {
    p.pollNextNs[group] = Number.POSITIVE_INFINITY;
    return;
  }
  if (nowNs >= p.pollNextNs[group]) {
    if (occurred) {
      updateTriggers(k, group, nowNs, true);
      keepTotals(k, group);
    }
    p.pollNextNs[group] = nowNs + p.pollPeriodNs[group];
  }
  schedulePoll(p, group, nowNs, Math.floor((p.pollNextNs[group] - nowNs) / PSI_TICK_NS) + 1);
}

/** A state that somebody watches occurs after a while: all windows begin now (Linux: init_rtpoll_triggers). */
function beginPolling(k: ReclaimState, group: Memcg, nowNs: number): void {
  const p = k.psi;
  for (const trigger of p.triggers) {
    if (trigger === undefined || trigger.group !== group || !trigger.isPolled) continue;
    trigger.startNs = nowNs;
    trigger.startTotal = p.total[(group * 2 + PSI_POLL) * NR_PSI_TOTALS + trigger.state];
    trigger.lastGrowth = 0;
  }
  keepTotals(k, group);
  p.pollNextNs[group] = nowNs + p.pollPeriodNs[group];
}

/** How much the total has grown within a window that ends now; a window that is over gives way to the next (Linux: window_update). */
function grown(trigger: PsiTrigger, total: number, nowNs: number): number {
  const elapsedNs = nowNs - trigger.startNs;
  const growth = total - trigger.startTotal;
  if (elapsedNs > trigger.windowNs) {
    trigger.startNs = nowNs;
    trigger.startTotal = total;
    trigger.lastGrowth = growth;
    return growth;
  }
  const remainingNs = trigger.windowNs - elapsedNs;
  return growth + Math.floor((trigger.lastGrowth * remainingNs) / trigger.windowNs);
}

function keepTotals(k: ReclaimState, group: Memcg): void {
  const p = k.psi;
  for (let state = 0; state < NR_PSI_TOTALS; state++)
    p.pollTotal[group * NR_PSI_TOTALS + state] = p.total[(group * 2 + PSI_POLL) * NR_PSI_TOTALS + state];
}

function notePolled(k: ReclaimState, group: Memcg, trigger: PsiTrigger): void {
  const p = k.psi;
  p.pollStates[group] |= 1 << trigger.state;
  p.pollPeriodNs[group] = Math.min(p.pollPeriodNs[group], Math.floor(trigger.windowNs / UPDATES_PER_WINDOW));
}

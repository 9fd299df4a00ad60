/**
 * What is done with stall times from time to time: averages every two seconds while a group has something to do, and looks
 * at polled triggers ten times a window while the states they watch occur.
 *
 *   task changes --> counts of the group --> due in 2 s --> totals, averages, triggers --> due again if anybody did anything
 *
 * Linux: kernel/sched/psi.c (6.12)   Doc: Documentation/accounting/psi.rst
 */
import type { Memcg } from "../base/types.ts";
import { averageText, PSI_PERIOD_NS, PSI_TICK_NS, updateAverages } from "./psi-average.ts";
import {
  collectTimes,
  hasWorkerCompany,
  isBusyElsewhere,
  NR_PSI_TOTALS,
  PSI_AVGS,
  PSI_CPU,
  PSI_DUE_NS,
  scheduleAverages,
} from "./psi-group.ts";
import { pollTriggers, updateTriggers } from "./psi-trigger.ts";
import type { ReclaimState } from "./state.ts";

const NS_PER_US = 1000;
/** Stall time since the last averages has so many values (Linux: u32). */
const SAMPLE_WRAP = 2 ** 32;

/** Does for all groups what is due by `nowNs`, in the order of time. */
export function runDueWork(k: ReclaimState, nowNs: number): void {
  const p = k.psi;
  const groups = k.memcg.rows[0];
  while (p.state[PSI_DUE_NS] <= nowNs) {
    const dueNs = p.state[PSI_DUE_NS];
    let next = Number.POSITIVE_INFINITY;
    for (let group = 0; group < groups; group++) {
      if (p.dueNs[group] <= dueNs) makeAverages(k, group, dueNs);
      if (p.pollDueNs[group] <= dueNs) pollTriggers(k, group, dueNs);
      next = Math.min(next, p.dueNs[group], p.pollDueNs[group]);
    }
    p.state[PSI_DUE_NS] = next;
  }
}

/** What a pressure file says of a resource, two lines; for the machine nothing is ever `full` for want of CPUs (Linux: psi_show). */
export function pressureText(k: ReclaimState, group: Memcg, resource: number, nowNs: number): string {
  const p = k.psi;
  collectTimes(k, group, PSI_AVGS, nowNs);
  if (nowNs >= p.nextUpdateNs[group]) updateGroup(k, group, nowNs);
  let text = "";
  for (let full = 0; full < 2; full++) {
    const state = resource * 2 + full;
    const isShown = group !== 0 || resource !== PSI_CPU || full === 0;
    const averages = [10, 60, 300].map((seconds, i) => {
      const average = isShown ? p.average[(group * NR_PSI_TOTALS + state) * 3 + i] : 0;
      return `avg${seconds}=${averageText(average)}`;
    });
    const totalNs = isShown ? p.total[group * 2 * NR_PSI_TOTALS + state] : 0;
    text += `${full === 0 ? "some" : "full"} ${averages.join(" ")} total=${Math.floor(totalNs / NS_PER_US)}\n`;
  }
  return text;
}

/** A group's worker: totals, averages and triggers when a period is over, and again later if there is anything to do. */
function makeAverages(k: ReclaimState, group: Memcg, nowNs: number): void {
  const p = k.psi;
  const cpu = p.workCpu[group];
  const goesOn = isBusyElsewhere(k, group, cpu, nowNs) || hasWorkerCompany(k, group, cpu);
  collectTimes(k, group, PSI_AVGS, nowNs);
  if (nowNs >= p.nextUpdateNs[group]) {
    updateTriggers(k, group, nowNs, false);
    updateGroup(k, group, nowNs);
  }
  p.dueNs[group] = Number.POSITIVE_INFINITY;
  if (goesOn)
    scheduleAverages(p, group, cpu, nowNs, Math.floor((p.nextUpdateNs[group] - nowNs) / PSI_TICK_NS) + 1);
}

/** Takes the stall times since the last update into the averages (Linux: update_averages). */
function updateGroup(k: ReclaimState, group: Memcg, nowNs: number): void {
  const p = k.psi;
  const expiresNs = p.nextUpdateNs[group];
  const missed = Math.floor((nowNs - expiresNs) / PSI_PERIOD_NS);
  const periodNs = nowNs - (p.lastUpdateNs[group] + missed * PSI_PERIOD_NS);
  p.nextUpdateNs[group] = expiresNs + (1 + missed) * PSI_PERIOD_NS;
  p.lastUpdateNs[group] = nowNs;
  for (let state = 0; state < NR_PSI_TOTALS; state++) {
    const at = group * NR_PSI_TOTALS + state;
    const stalledNs = p.total[group * 2 * NR_PSI_TOTALS + state] - p.averaged[at];
    // What does not fit into the period is left for the next.
    const sampleNs = Math.min(stalledNs % SAMPLE_WRAP, periodNs);
    p.averaged[at] += sampleNs;
    updateAverages(p.average, at * 3, missed, sampleNs, periodNs);
  }
}

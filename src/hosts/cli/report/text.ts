/**
 * The report of a run for people: what a performance engineer wants first, on one screen and a half.
 */

import { styleText } from "node:util";
import Table from "cli-table3";
import { bytes, count, duration, percent } from "../units.ts";
import { areaChart } from "./chart.ts";
import type { ProcessReport, RunReport, VmaReport } from "./schema.ts";

const VMAS_SHOWN = 8;
const CHART_WIDTH = 60;
const CHART_HEIGHT = 6;

/** The whole report. `colour` says whether the reader's terminal shows colours. */
export function reportText(report: RunReport, colour: boolean): string {
  const heading = (title: string): string =>
    colour ? styleText("bold", title, { validateStream: false }) : title;
  const parts = [
    summary(report),
    `${heading("Faults")}\n${faultTable(report)}`,
    `${heading("Memory over time")}\n${rssChart(report)}`,
  ];
  const { swapin, swapout, refault_anon: anon, refault_file: file } = report.pressure;
  if (swapin + swapout + anon + file > 0 || report.cgroup !== undefined)
    parts.push(`${heading("Memory pressure")}\n${pressureLine(report)}`);
  for (const process of report.processes.slice(0, 4)) {
    if (process.vmas.length > 0)
      parts.push(
        `${heading(`Mappings of ${process.command} (pid ${process.pid}) at its peak`)}\n${vmaTable(process)}`,
      );
  }
  parts.push(
    `${heading("Translation")}\n${tlbTable(report)}`,
    `${heading("Virtual time by cause")}\n${timeTable(report)}`,
  );
  if (report.calls.length > 0) parts.push(`${heading("System calls")}\n${callLine(report)}`);
  if (report.dmesg.length > 0)
    parts.push(`${heading("Kernel log")}\n${report.dmesg.map((line) => `  ${line}`).join("\n")}`);
  if (report.notes.length > 0)
    parts.push(`${heading("Notes")}\n${report.notes.map((note) => `  ${note}`).join("\n")}`);
  return `${parts.join("\n\n")}\n`;
}

function summary(report: RunReport): string {
  const { machine } = report;
  const rate = report.accesses / Math.max(report.hostSeconds, 1e-9);
  return [
    `${report.workload.path} (${report.workload.kind}) on ${machine.name}: ${machine.cpus} CPUs, ${machine.nodes} ${machine.nodes === 1 ? "node" : "nodes"}, ${bytes(machine.ramBytes)}, seed ${machine.seed}`,
    `${report.outcome.message}; ${count(report.accesses)} accesses in ${duration(report.virtualNs)} of virtual time (${duration(report.hostSeconds * 1e9)} here, ${count(rate)}/s)`,
  ].join("\n");
}

function pressureLine({ pressure, stalls, cgroup }: RunReport): string {
  return [
    ...(cgroup === undefined ? [] : [cgroupLine(cgroup)]),
    `  swap: ${count(pressure.swapout)} pages out, ${count(pressure.swapin)} in`,
    ...(pressure.zswpout === 0
      ? []
      : [`  zswap: ${count(pressure.zswpout)} pages in, ${count(pressure.zswpin)} back out`]),
    `  refaults: ${count(pressure.refault_anon)} anonymous, ${count(pressure.refault_file)} file`,
    `  files: ${count(pressure.filein)} pages read, ${count(pressure.fileout)} written`,
    `  stalled: ${stallText(stalls.memorySomeUs, stalls.memoryFullUs)} for memory, ${stallText(stalls.ioSomeUs, stalls.ioFullUs)} for I/O`,
  ].join("\n");
}

/** How long some task was held up; and all of them, where that is less. */
function stallText(someUs: number, fullUs: number): string {
  const some = duration(someUs * 1000);
  return someUs === fullUs ? some : `${some} (all tasks: ${duration(fullUs * 1000)})`;
}

function cgroupLine({ limitBytes, peakBytes, events }: NonNullable<RunReport["cgroup"]>): string {
  const killed = events["oom_kill"] ?? 0;
  return `  cgroup: at most ${bytes(peakBytes)} of ${limitBytes === null ? "max" : bytes(limitBytes)}, at the limit ${count(events["max"] ?? 0)} times${killed > 0 ? `, ${count(killed)} killed for want of memory` : ""}`;
}

function faultTable(report: RunReport): string {
  const table = plainTable(
    ["process", "ended", "minor", "major", "peak RSS", "anon", "file", "shmem", "peak VM", "page tables"],
    [0, 1],
  );
  for (const process of report.processes) {
    table.push([
      `${process.command} (${process.pid})`,
      process.ended,
      count(process.faults.minor),
      count(process.faults.major),
      kb(process.peakRss.totalKb),
      kb(process.peakRss.anonKb),
      kb(process.peakRss.fileKb),
      kb(process.peakRss.shmemKb),
      kb(process.peakVmKb),
      kb(process.pageTablesKb),
    ]);
  }
  return table.toString();
}

function rssChart(report: RunReport): string {
  const totals = report.rssOverTime.map((sample) => sample.anonKb + sample.fileKb + sample.shmemKb);
  const rows = areaChart(totals, CHART_WIDTH, CHART_HEIGHT);
  const top = kb(Math.max(...totals, 0));
  const labels = rows.map((_, row) => (row === 0 ? top : "").padStart(10));
  const body = rows.map((row, index) => `${labels[index]} ${index === 0 ? "┤" : "│"}${row}`);
  const width = Math.max(1, rows[0]?.length ?? 1);
  return [
    ...body,
    `${"0".padStart(10)} └${"─".repeat(width)}`,
    `${" ".repeat(12)}0${duration(report.virtualNs).padStart(Math.max(2, width - 1))}`,
  ].join("\n");
}

function vmaTable(process: ProcessReport): string {
  const byRss = [...process.vmas].sort((a, b) => b.rssKb - a.rssKb || b.faults.minor - a.faults.minor);
  const byFaults = [...process.vmas].sort((a, b) => faultsOf(b) - faultsOf(a));
  const shown = [...new Set([...byRss.slice(0, VMAS_SHOWN), ...byFaults.slice(0, 3)])];
  const table = plainTable(["mapping", "perm", "size", "resident", "minor", "major", "name"], [0, 1, 6]);
  for (const vma of shown) {
    table.push([
      vma.range,
      vma.permissions,
      kb(vma.sizeKb),
      kb(vma.rssKb),
      count(vma.faults.minor),
      count(vma.faults.major),
      vma.name,
    ]);
  }
  const rest = process.vmas.length - shown.length;
  return table.toString() + (rest > 0 ? `\n  and ${rest} more` : "");
}

function tlbTable(report: RunReport): string {
  const { tlb } = report;
  const row = (name: string, level: { hits: number; misses: number }): string[] => [
    name,
    count(level.hits),
    count(level.misses),
    percent(level.hits, level.hits + level.misses),
  ];
  const table = plainTable(["TLB", "hits", "misses", "hit rate"], [0]);
  table.push(row("instruction L1", tlb.instruction), row("data L1", tlb.data), row("shared L2", tlb.second));
  return `${table.toString()}\n  ${count(tlb.walks)} page table walks, ${count(tlb.flushes)} flushes, ${count(tlb.shootdowns)} shootdowns`;
}

function timeTable(report: RunReport): string {
  const total = report.time.reduce((sum, row) => sum + row.ns, 0);
  const table = plainTable(["cause", "time", "share"], [0]);
  for (const { cause, ns } of report.time) if (ns > 0) table.push([cause, duration(ns), percent(ns, total)]);
  return table.toString();
}

function callLine(report: RunReport): string {
  const shown = report.calls.map(
    (call) => `${call.name} ${count(call.count)}${call.errors > 0 ? ` (${count(call.errors)} failed)` : ""}`,
  );
  return `  ${shown.join(", ")}`;
}

function faultsOf(vma: VmaReport): number {
  return vma.faults.minor + vma.faults.major;
}

function kb(kilobytes: number): string {
  return bytes(kilobytes * 1024);
}

/** A table without lines, indented by two; columns are right-aligned but for those named in `left`. */
export function plainTable(head: string[], left: readonly number[]): Table.Table {
  const none = "";
  return new Table({
    head,
    colAligns: head.map((_, column) => (left.includes(column) ? "left" : "right")),
    style: { head: [], border: [], "padding-left": 2, "padding-right": 0 },
    chars: {
      top: none,
      "top-mid": none,
      "top-left": none,
      "top-right": none,
      bottom: none,
      "bottom-mid": none,
      "bottom-left": none,
      "bottom-right": none,
      left: none,
      "left-mid": none,
      mid: none,
      "mid-mid": none,
      right: none,
      "right-mid": none,
      middle: none,
    },
  });
}

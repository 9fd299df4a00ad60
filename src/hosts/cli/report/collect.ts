/**
 * Watches a run and makes its report: samples of resident memory while the run goes on, each process at its largest,
 * and the sums at the end.
 */
import {
  type Kernel,
  listMappings,
  listProcesses,
  type ProcessView,
  type Task,
  viewProcess,
  viewTime,
  viewTlb,
} from "../../../core/index.ts";
import type { ProcessReport, RunReport } from "./schema.ts";

/** Samples kept; when there are more, every other one is dropped and the interval doubles. */
const MOST_SAMPLES = 240;
/** First interval between samples, in virtual ns. */
const FIRST_INTERVAL_NS = 20_000;
/** The mappings are looked at anew when a process has grown by this factor. */
const GROWTH = 1.02;

/** Watches one run. */
export interface Collector {
  /** Takes a sample if it is time; call it often. */
  readonly sample: () => void;
  /** Remembers a process as it is just before its memory is given back. */
  readonly beforeExit: (task: Task) => void;
  /** Names how a process ended ("exit 0", "SIGSEGV"), with the faults it had in all. */
  readonly ended: (end: ProcessEnd) => void;
  /** What the kernel's side of the report says now. */
  readonly finish: () => CollectedReport;
}

/** The end of a process as wait4 and getrusage tell it. */
export interface ProcessEnd {
  readonly pid: number;
  readonly command: string;
  readonly how: string;
  readonly minor: number;
  readonly major: number;
  readonly peakRssKb: number;
}

/** The parts of a report that come from the kernel. */
export type CollectedReport = Pick<
  RunReport,
  "faults" | "processes" | "rssOverTime" | "tlb" | "time" | "virtualNs"
>;

type Sample = RunReport["rssOverTime"][number];
type Draft = { -readonly [Key in keyof ProcessReport]: ProcessReport[Key] };

/** A collector for a booted machine. */
export function createCollector(k: Kernel): Collector {
  const drafts = new Map<number, Draft>();
  let samples: Sample[] = [];
  let intervalNs = FIRST_INTERVAL_NS;
  let nextNs = 0;

  const see = (process: ProcessView): void => {
    const totalKb = process.anonKb + process.fileKb + process.shmemKb;
    let draft = drafts.get(process.pid);
    if (draft === undefined) {
      draft = emptyDraft(process);
      drafts.set(process.pid, draft);
    }
    draft.command = process.command;
    draft.faults = { minor: process.minor, major: process.major };
    draft.finalRss = { anonKb: process.anonKb, fileKb: process.fileKb, shmemKb: process.shmemKb };
    draft.peakVmKb = Math.max(draft.peakVmKb, process.peakVmKb);
    draft.pageTablesKb = Math.max(draft.pageTablesKb, process.pageTablesKb);
    if (totalKb <= draft.peakRss.totalKb * GROWTH) return;
    draft.peakRss = { ...draft.finalRss, totalKb };
    draft.vmas = listMappings(k, process.task).map(({ minor, major, ...mapping }) => ({
      ...mapping,
      faults: { minor, major },
    }));
  };

  const sample = (force: boolean): void => {
    const { 0: ns } = k.clock.ns;
    if (ns! < nextNs && !force) return;
    const sum: Sample = { ns: ns!, anonKb: 0, fileKb: 0, shmemKb: 0 };
    for (const process of listProcesses(k)) {
      see(process);
      sum.anonKb += process.anonKb;
      sum.fileKb += process.fileKb;
      sum.shmemKb += process.shmemKb;
    }
    samples.push(sum);
    if (samples.length > MOST_SAMPLES) {
      samples = samples.filter((_, index) => index % 2 === 0);
      intervalNs *= 2;
    }
    nextNs = ns! + intervalNs;
  };

  return {
    sample: () => sample(false),
    beforeExit: (task) => {
      sample(true);
      see(viewProcess(k, task));
    },
    ended: (end) => {
      const draft = drafts.get(end.pid);
      if (draft === undefined) return;
      draft.command = end.command;
      draft.ended = end.how;
      draft.faults = { minor: end.minor, major: end.major };
    },
    finish: () => {
      sample(true);
      const processes = [...drafts.values()];
      return {
        faults: {
          minor: processes.reduce((sum, process) => sum + process.faults.minor, 0),
          major: processes.reduce((sum, process) => sum + process.faults.major, 0),
          perMillionAccesses: 0,
        },
        processes,
        rssOverTime: samples,
        tlb: viewTlb(k),
        time: viewTime(k),
        virtualNs: Math.max(k.clock.ns[0]!, ...k.clock.cpuNs),
      };
    },
  };
}

function emptyDraft(process: ProcessView): Draft {
  const none = { anonKb: 0, fileKb: 0, shmemKb: 0 };
  return {
    pid: process.pid,
    command: process.command,
    ended: "running",
    faults: { minor: 0, major: 0 },
    peakRss: { ...none, totalKb: 0 },
    finalRss: none,
    peakVmKb: 0,
    pageTablesKb: 0,
    vmas: [],
  };
}

/**
 * The shape of a run's report, as `--json` writes it. One definition gives the type, the check and the published
 * JSON schema (docs/schemas/run-report.schema.json).
 */
import { z } from "zod";

const count = z.number().int().min(0);

const faults = z.object({
  minor: count.describe("page faults served without waiting for a disk (getrusage ru_minflt)"),
  major: count.describe("page faults that waited for a disk (getrusage ru_majflt)"),
});

const rss = z.object({
  anonKb: count.describe("anonymous pages, kB (RssAnon)"),
  fileKb: count.describe("file pages, kB (RssFile)"),
  shmemKb: count.describe("shared memory pages, kB (RssShmem)"),
});

const vma = z.object({
  range: z.string().describe("start-end in hexadecimal, as in /proc/PID/maps"),
  permissions: z.string(),
  name: z.string().describe("path, [heap], [stack] …; empty for anonymous memory"),
  sizeKb: count,
  rssKb: count,
  faults,
});

const process = z.object({
  pid: count,
  command: z.string(),
  ended: z.string().describe("how the process ended: 'exit 0', 'SIGSEGV', or 'running'"),
  faults,
  peakRss: rss.extend({ totalKb: count }).describe("at the sample with the largest resident set"),
  finalRss: rss.describe("when the process ended, before its memory was given back"),
  peakVmKb: count.describe("largest size of the address space (VmPeak)"),
  pageTablesKb: count.describe("page tables at their largest (VmPTE)"),
  vmas: z.array(vma).describe("the mappings at the sample with the largest resident set"),
});

const tlbLevel = z.object({ hits: count, misses: count });

/** The report of one run. */
export const runReportSchema = z.object({
  schema: z.literal("pagewalk-run-report/1"),
  version: z.string().describe("version of Pagewalk"),
  workload: z.object({ path: z.string(), kind: z.string() }),
  machine: z.object({
    name: z.string(),
    cpus: count,
    nodes: count,
    ramBytes: count,
    seed: z.number(),
    settings: z.record(z.string(), z.number()).describe("tunables that are not at their default"),
  }),
  outcome: z.object({ ok: z.boolean(), message: z.string() }),
  accesses: count.describe("memory accesses the program made"),
  virtualNs: z.number().describe("virtual time from boot to the end, ns"),
  hostSeconds: z.number().describe("time this run took here, s"),
  faults: faults.extend({ perMillionAccesses: z.number() }),
  processes: z.array(process),
  rssOverTime: z
    .array(rss.extend({ ns: z.number() }))
    .describe("all processes together, at most 240 samples"),
  tlb: z.object({
    instruction: tlbLevel.describe("first level, instruction fetches"),
    data: tlbLevel.describe("first level, loads and stores"),
    second: tlbLevel.describe("shared second level"),
    walks: count.describe("page table walks"),
    flushes: count,
    shootdowns: count,
  }),
  time: z
    .array(z.object({ cause: z.string(), ns: z.number() }))
    .describe("virtual time by cause, largest first"),
  pressure: z
    .object({
      swapin: count.describe("pages read from swap (pswpin)"),
      swapout: count.describe("pages written to swap (pswpout)"),
      refault_anon: count.describe("anonymous pages that came back (workingset_refault_anon)"),
      refault_file: count.describe("file pages that came back (workingset_refault_file)"),
      filein: count.describe("pages read from other disks (pgpgin without swap)"),
      fileout: count.describe("pages written to other disks (pgpgout without swap)"),
      zswpin: count.describe("pages that came back out of zswap (zswpin)"),
      zswpout: count.describe("pages put into zswap (zswpout)"),
    })
    .describe("what the run cost in pages of I/O and refaults"),
  stalls: z
    .object({
      memorySomeUs: count.describe("memory, at least one task (memory.pressure, some total)"),
      memoryFullUs: count.describe("memory, all tasks that had anything to do (full total)"),
      ioSomeUs: count.describe("I/O, at least one task (io.pressure, some total)"),
      ioFullUs: count.describe("I/O, all tasks (full total)"),
    })
    .describe(
      "pressure stall information: microseconds that tasks of the cgroup, or without --limit of the machine, were held up",
    ),
  cgroup: z
    .object({
      limitBytes: count.nullable().describe("memory.max; null for max"),
      peakBytes: count.describe("memory.peak"),
      events: z.record(z.string(), count).describe("memory.events, by name"),
    })
    .optional()
    .describe("the cgroup of a workload that was run with --limit"),
  calls: z
    .array(z.object({ name: z.string(), count, errors: count }))
    .describe("system calls made, most frequent first"),
  dmesg: z.array(z.string()).describe("the kernel's messages, oldest first, as dmesg prints them"),
  notes: z.array(z.string()).describe("what this run could not model faithfully"),
  hash: z.string().describe("hash of every column of the kernel at the end"),
});

export type RunReport = z.infer<typeof runReportSchema>;
export type ProcessReport = RunReport["processes"][number];
export type VmaReport = ProcessReport["vmas"][number];

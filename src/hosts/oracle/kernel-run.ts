/**
 * What goes to a real kernel and what comes back.
 * Doc: docs/script.md
 */

/** Which real kernel: the one this machine runs, or Debian's 6.12 in a virtual machine. */
export type KernelChoice = "host" | "qemu";

/** The machine a script asks for. A virtual machine is made so; of this machine's kernel only the page table levels are asked. */
export interface KernelMachine {
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Levels of page tables. */
  readonly levels: 4 | 5;
  /** For scripts of memory pressure: the kernel keeps its own ways of writing back and reclaims as this says. */
  readonly pressure?: PressureMachine;
}

/** What a machine for memory pressure has besides. */
export interface PressureMachine {
  /** Classic LRU lists or multi-generational ones. */
  readonly policy: "classic" | "mglru";
  /** Swap goes to zswap first, with lz4: a boot of Debian's other kernel, which is built with it. */
  readonly zswap?: boolean;
  /** Requests a second that a disk for swap does at most; 0: as many as it can. */
  readonly swapIops: number;
  /** How long a virtual machine waits before its first script: what the kernel does from time to time then comes at another moment. */
  readonly delayMs?: number;
  /** Transcripts come with a clock. */
  readonly hasClock?: boolean;
}

/** What a script without a machine gets. */
export const DEFAULT_MACHINE: KernelMachine = { cpus: 1, memoryBytes: 1024 ** 3, levels: 4 };

/** A script to run. The name stands in error messages and comes back with the transcript; it must be unique in a run. */
export interface KernelScript {
  readonly name: string;
  readonly text: string;
  readonly machine?: KernelMachine;
}

/** What a script's run gave. */
export interface KernelTranscript {
  readonly name: string;
  /** The transcript, verbatim; up to where the script stopped when it failed. */
  readonly text: string;
  /** 0: it ran. 1: a statement could not run. 2: the script cannot be read. Others: the runner died. */
  readonly status: number;
  /** What the runner wrote to its error stream. */
  readonly errors: readonly string[];
  /**
   * How long the script took from its first pattern on, and when in that time the kernel added up its statistics of cgroups, in seconds:
   * `1.234567 flushed 0.733120 2.749004`. Only where the machine asks for it and the kernel can be asked.
   */
  readonly clock?: string;
}

/** A run of several scripts on one kernel. */
export interface KernelRun {
  /** `uname -r`. */
  readonly release: string;
  /** How it was started, one line a machine: the emulator's or the controller's command line, scripts left out. */
  readonly commandLines: readonly string[];
  readonly transcripts: readonly KernelTranscript[];
  /** Scripts that this kernel can not be asked, each with the reason. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

/** Called when a script's transcript is complete. */
export type OnTranscript = (transcript: KernelTranscript) => void;

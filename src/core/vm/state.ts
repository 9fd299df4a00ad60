/**
 * Floor 7 as data: the view of the kernel object that faults and mapping calls have.
 * Linux: mm/util.c (6.12)   Doc: Documentation/mm/overcommit-accounting.rst
 */
import type { AllocState } from "../alloc/state.ts";

/** What floor 7 sees of the kernel. */
export interface VmState extends AllocState {
  /**
   * Pages promised to address spaces (Linux: vm_committed_as): [0] the exact sum, [1] the shared part that limits are
   * checked against, [2] what was promised and will never be given back, [3 + cpu] what that CPU has not folded into [1]
   * yet. accounting.ts creates and changes it.
   */
  readonly committed: Float64Array;
  /** [0]: the frame of zeros that every read of untouched anonymous memory maps. */
  readonly zeroPfn: Int32Array;
}

/**
 * What a file of a cgroup is: its name, and what reading and writing it do.
 * Linux: include/linux/cgroup-defs.h (struct cftype) (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import type { Memcg, Task } from "../../base/types.ts";
import type { AbiState } from "../state.ts";

/** A file of a cgroup. With version 2, files whose names begin with "memory." are there only where memory is handed out. */
export interface CgroupFile {
  readonly name: string;
  /** The root has it, too. */
  readonly onRoot?: boolean;
  /** Whether a cgroup has it, where that is more than the memory controller's to say. */
  readonly isShown?: (k: AbiState, memcg: Memcg) => boolean;
  readonly show?: (k: AbiState, memcg: Memcg) => string;
  /** `self` is the task that writes, or NONE. Returns 0 or a negative errno. */
  readonly write?: (k: AbiState, memcg: Memcg, text: string, self: Task) => number;
}

/**
 * The public face of the core: what programs and hosts may use. The only barrel.
 */

export { cgroupMount, mountLegacyMemory } from "./abi/cgroup/directory.ts";
export { readElf } from "./abi/elf.ts";
export { doExecve } from "./abi/exec.ts";
export { ADDR_NO_RANDOMIZE } from "./abi/exec-layout.ts";
export { takeMemoryEvents, watchMemory } from "./abi/memory-watch.ts";
export {
  listMappings,
  listProcesses,
  type ProcessView,
  viewProcess,
  viewTime,
  viewTlb,
} from "./abi/observe.ts";
export { readPressureTotals } from "./abi/pressure-totals.ts";
export { killTask } from "./abi/process.ts";
export { syscall } from "./abi/syscall/table.ts";
export { makeDirectory, readFile, writeFile } from "./abi/vfs.ts";
export { dmesgEnd, messages, readDmesg } from "./base/dmesg.ts";
export {
  errnoName,
  FAULT_OOM,
  FAULT_SEGV_ACCERR,
  FAULT_SEGV_MAPERR,
  FAULT_SIGBUS,
  SIGBUS,
  SIGKILL,
  SIGSEGV,
} from "./base/errno.ts";
export { createRng, type RngColumns, randomU32 } from "./base/rng.ts";
export { BLOCKED, type Inode, NONE, type Task, vpnHigh, vpnLow } from "./base/types.ts";
export { completeMachine, type Machine, type MachineInput } from "./hw/machine.ts";
export { ACCESS_FETCH, ACCESS_LOAD, ACCESS_STORE } from "./hw/mmu.ts";
export { PRESETS } from "./hw/presets.ts";
export { boot, checkKernel, hashKernel, type Kernel } from "./kernel.ts";
export { panicMessage } from "./reclaim/oom-kill.ts";
export {
  NEVER,
  type RunningCache,
  type TextbookPolicy,
} from "./reclaim/policy/textbook/cache.ts";
export { TEXTBOOK_POLICIES } from "./reclaim/policy/textbook/list.ts";
export { addZramSwap } from "./reclaim/zram-store.ts";
export { accountRun, beginTurn, pickNext, wake } from "./sched.ts";
export { createInode, findInode, installFd, openFile, S_IFCHR } from "./space/file.ts";
export { isPresent, quiesceDisks } from "./space/io.ts";
export { isLegacy } from "./space/memcg-v1.ts";
export { readHiwaterRss } from "./space/mm.ts";
export { filePages } from "./space/pagecache.ts";
export { addSwapArea, SWAP_UNKNOWN_CONTENTS, SWP_SOLIDSTATE } from "./space/swap.ts";
export { readSwapHeader, type SwapHeader, uuidText, writeSwapHeader } from "./space/swap-header.ts";
export { createTask, findTask, TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_ZOMBIE } from "./space/task.ts";
export { interruptMm } from "./space/tlb-flush.ts";
export { ACCESS_KERNEL, type AccessRuns, access, runAccesses } from "./vm/access.ts";
export { warmFile } from "./vm/file-read.ts";
export { createMm } from "./vm/mm-create.ts";
export { invalidatePages, writeBackFile } from "./vm/truncate.ts";
export { pickMmapLayout } from "./vm/unmapped-area.ts";
export { loadBytes, storeBytes } from "./vm/user-bytes.ts";

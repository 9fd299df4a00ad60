/**
 * Floor 4 as data, memory cgroups: limits, usage and counters of each, and what those of version 1 are watched for.
 * Linux: include/linux/memcontrol.h, page_counter.h (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import type { Column, Memcg } from "../base/types.ts";

/** Memory cgroups; row = Memcg, row 0 the root. Sizes in pages, Infinity for no limit. memcg.ts owns them. */
export interface MemcgColumns {
  /** MEMCG_FREE, MEMCG_ONLINE or MEMCG_OFFLINE of memcg.ts. */
  readonly state: Uint8Array;
  readonly parent: Column<Memcg>;
  /** Children from the oldest to the newest: first, last, next sibling. */
  readonly firstChild: Column<Memcg>;
  readonly lastChild: Column<Memcg>;
  readonly nextSibling: Column<Memcg>;
  readonly name: string[];
  /** 1: memory is in its cgroup.subtree_control, so its children are limited and charged on their own. */
  readonly subtree: Uint8Array;
  /** Pages, swap entries and children that keep the row of an offline one. */
  readonly held: Float64Array;
  /** Memory: charged with everything below it, the most that ever was, failed charges, and the four limits. */
  readonly usage: Float64Array;
  readonly watermark: Float64Array;
  readonly failcnt: Float64Array;
  readonly min: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly max: Float64Array;
  /** Swap: charged, the most that ever was, limits. */
  readonly swapUsage: Float64Array;
  readonly swapWatermark: Float64Array;
  /** Slots that its limit refused. */
  readonly swapFailcnt: Float64Array;
  readonly swapHigh: Float64Array;
  readonly swapMax: Float64Array;
  /** Pages of the kernel's own, charged to it alone: page tables (Linux: MEMCG_KMEM). */
  readonly kmem: Float64Array;
  /** Most that zswap may hold of it, in pages, and whether zswap may write to the disk for it. */
  readonly zswapMax: Float64Array;
  readonly zswapWriteback: Uint8Array;
  /** Effective protection as reclaim worked it out last, and what children claim of it (Linux: struct page_counter). */
  readonly emin: Float64Array;
  readonly elow: Float64Array;
  readonly minUsage: Float64Array;
  readonly lowUsage: Float64Array;
  readonly childrenMinUsage: Float64Array;
  readonly childrenLowUsage: Float64Array;
  /** 1: an OOM kill in it takes every task (Linux: memory.oom.group). */
  readonly oomGroup: Uint8Array;
  /** By memcg * NR_MEMCG_EVENTS + MEMCG_*: events of its own, and with those below it (memory.events). */
  readonly eventLocal: Float64Array;
  readonly event: Float64Array;
  /** By lruvec * NR_NODE_ITEMS + item: pages charged to it alone, as k.vmstat.node counts them. Nothing for the root. */
  readonly node: Float64Array;
  /** By memcg * NR_EVENTS + event: the events of k.vmstat.event that memory.stat shows, its own alone. Nothing for the root. */
  readonly vmEvent: Float64Array;
  /** By lruvec: the memcg at which a partial walk of reclaim goes on (Linux: mem_cgroup_reclaim_iter). */
  readonly iter: Column<Memcg>;
  /** By CPU: the memcg whose charged pages it keeps to hand out, and how many (Linux: memcg_stock_pcp). */
  readonly stockMemcg: Column<Memcg>;
  readonly stockPages: Int32Array;
  /** [0] first row never used, [1] rows in use. */
  readonly rows: Int32Array;
  /** [0]: 1 when memory is in a hierarchy of version 1 (memcg-v1.ts). */
  readonly legacy: Uint8Array;
  /** Version 1 counts memory and swap together: charged, the most that ever was, failed charges, limit. */
  readonly memsw: Float64Array;
  readonly memswWatermark: Float64Array;
  readonly memswFailcnt: Float64Array;
  readonly memswMax: Float64Array;
  /** Version 1: where reclaim of the machine begins, in pages; vm.swappiness of its own; 1: no OOM kill, tasks wait. */
  readonly softLimit: Float64Array;
  readonly swappiness: Uint8Array;
  readonly oomKillDisable: Uint8Array;
}

/** What memory cgroups of version 1 are watched for, and their places by soft limit; memcg-watch.ts owns them. */
export interface MemcgWatchColumns {
  /** By memcg * CPUs + CPU: pages charged and uncharged, going round at 2^32; by that * 2: at which count to look next. */
  readonly pageEvents: Int32Array;
  readonly targets: Int32Array;
  /** By lruvec: pages above the soft limit when it was put in its place by them (0: it has none), and the turn it was. */
  readonly softExcess: Float64Array;
  readonly softTurn: Float64Array;
  /** By memcg * 2: pages that reclaim for it looked at since its pressure was told last, and pages it freed. */
  readonly pressure: Float64Array;
  /** By watch: WATCH_* (0: a free row), on which cgroup, its threshold in pages or least level, whose pressure counts. */
  readonly kind: Uint8Array;
  readonly memcg: Column<Memcg>;
  readonly level: Float64Array;
  readonly mode: Uint8Array;
  /** By watch: 1 when usage was at or above the threshold at the last look; events since they were read last. */
  readonly isAbove: Uint8Array;
  readonly signals: Float64Array;
  /** [0] first watch never used, [1] the last turn given. */
  readonly rows: Float64Array;
}

/** Kernel memory of cgroups that is charged without frames of its own: objects and kernel stacks. kmem.ts owns it. */
export interface KmemColumns {
  /** By cgroup: pages charged, bytes of objects, and bytes that are charged and belong to no object or stock. */
  readonly pages: Float64Array;
  readonly bytes: Float64Array;
  readonly left: Float64Array;
  /** By CPU: the stock of charged bytes, and whose it is. */
  readonly stockMemcg: Int32Array;
  readonly stockBytes: Float64Array;
  /** By CPU * 2: bytes of its objects that memory.stat does not count yet, first those that can be reclaimed. */
  readonly stockStat: Float64Array;
}

/**
 * What one run of reclaim wants and what it has found out so far (Linux: struct scan_control), and the columns behind it.
 * A run is one object; nothing is allocated while pages are looked at.
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import { type Lruvec, ROOT_MEMCG } from "../base/types.ts";
import { ZONES_PER_NODE } from "../frame/mmzone.ts";
import type { ReclaimColumns, ScanControl, ScanPause } from "./state.ts";

/** The priority reclaim begins with: a 4096th part of each list is scanned. */
export const DEF_PRIORITY = 12;
/** Pages that are looked at together, and the least that reclaim tries to free. */
export const SWAP_CLUSTER_MAX = 32;
/** Most that vm.swappiness can say. */
export const MAX_SWAPPINESS = 200;
/** Times that an allocation or a charge tries again without any progress. */
export const MAX_RECLAIM_RETRIES = 16;

/** Lists that may lose active pages. */
export const DEACTIVATE_ANON = 1;
export const DEACTIVATE_FILE = 2;

/** Bits of nodeFlags: kswapd may write file pages; it waits where it meets pages under write-back. */
export const PGDAT_DIRTY = 1;
export const PGDAT_WRITEBACK = 2;

/** What is said of a run; the rest begins at its usual value. */
export type ScanRequest = Partial<
  Pick<
    ScanControl,
    | "order"
    | "reclaimIdx"
    | "memcg"
    | "isCgroup"
    | "isKswapd"
    | "mayUnmap"
    | "maySwap"
    | "isProactive"
    | "swappiness"
    | "priority"
  >
> &
  Pick<ScanControl, "nrToReclaim" | "gfp">;

/** A run that has not begun. */
export function createScan(request: ScanRequest): ScanControl {
  return {
    nrToReclaim: request.nrToReclaim,
    order: request.order ?? 0,
    gfp: request.gfp,
    reclaimIdx: request.reclaimIdx ?? 3,
    memcg: request.memcg ?? ROOT_MEMCG,
    isCgroup: request.isCgroup ?? false,
    isKswapd: request.isKswapd ?? false,
    mayUnmap: request.mayUnmap ?? true,
    maySwap: request.maySwap ?? true,
    isProactive: request.isProactive ?? false,
    swappiness: request.swappiness ?? -1,
    priority: request.priority ?? DEF_PRIORITY,
    mayWritepage: true,
    mayDeactivate: 0,
    forceDeactivate: false,
    skippedDeactivate: false,
    lowReclaim: false,
    lowSkipped: false,
    fullWalk: false,
    cacheTrimMode: false,
    cacheTrimFailed: false,
    noCacheTrim: false,
    fileIsTiny: false,
    anonCost: 0,
    fileCost: 0,
    nrScanned: 0,
    nrReclaimed: 0,
    dirty: 0,
    unqueuedDirty: 0,
    congested: 0,
    writeback: 0,
    immediate: 0,
    taken: 0,
    fileTaken: 0,
    compactionReady: false,
    nodeReclaimed: 0,
    passReclaimed: 0,
    passScanned: 0,
    roundReclaimed: 0,
    mayTryHarder: true,
    turnEndNs: Number.POSITIVE_INFINITY,
    pause: undefined,
  };
}

/** A pause in a lruvec, of which the policy says the rest. */
export function createPause(lruvec: Lruvec): ScanPause {
  return {
    lruvec,
    toScan: undefined,
    targets: undefined,
    reclaimed: 0,
    scanned: 0,
    before: 0,
    gen: 0,
    first: 0,
    bin: 0,
  };
}

/** Columns for a machine of so many nodes. */
export function createReclaimColumns(nodes: number): ReclaimColumns {
  return {
    isolated: new Int32Array(1024),
    kept: new Int32Array(1024),
    evicting: new Int32Array(2),
    stat: new Float64Array(16),
    toScan: new Float64Array(8),
    targets: new Float64Array(8),
    failures: new Int32Array(nodes),
    nodeFlags: new Uint8Array(nodes),
    kswapdRun: Array.from({ length: nodes }, () => undefined),
    kswapdNs: new Float64Array(nodes),
    kswapdTurnNs: new Float64Array(nodes),
    kswapdOrder: new Int32Array(nodes),
    kswapdHighest: new Int32Array(nodes),
    kswapdBeganOrder: new Int32Array(nodes),
    kswapdDozeNs: new Float64Array(nodes),
    kswapdBoost: new Float64Array(nodes * ZONES_PER_NODE + 1),
    kswapdBoostLeft: new Float64Array(nodes),
    reports: new Float64Array(3),
    halted: new Uint8Array(1),
    inside: new Uint8Array(1),
  };
}

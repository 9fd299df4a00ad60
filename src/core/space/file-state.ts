/**
 * Floor 4 as data, files: inodes and open files, what is remembered of their evicted pages, and the writers of dirty ones.
 * Linux: include/linux/fs.h, backing-dev-defs.h, mm/workingset.c (6.12)   Doc: Documentation/filesystems/vfs.rst
 */
import type { Column, Inode, Vma } from "../base/types.ts";

/** What is remembered of evicted file pages, by row; the page cache tree holds -row in the place of such a page. */
export interface ShadowColumns {
  readonly value: Float64Array;
  /** [0] first row never used, [1] first free row (chained by value). */
  readonly rows: Int32Array;
  /** By node of the page cache trees: shadows in it, the lruvec it is charged to, and while it is on a list its file and neighbours. */
  readonly nodeShadows: Uint8Array;
  readonly nodeLruvec: Int32Array;
  /** By node: 0, or 1 + the cgroup that it is charged to as an object of the kernel. */
  readonly nodeCharged: Int32Array;
  readonly nodeOwner: Int32Array;
  readonly nodeNext: Int32Array;
  readonly nodePrev: Int32Array;
  /** By lruvec: nodes that hold shadows alone, oldest first. */
  readonly listHead: Int32Array;
  readonly listTail: Int32Array;
  readonly listCount: Int32Array;
}

/** Files. Names are strings: nothing here is touched by an access. file.ts owns inodes and open files. */
export interface FileColumns {
  /** By Inode. */
  readonly path: string[];
  readonly dev: Int32Array;
  readonly ino: Float64Array;
  readonly sizeBytes: Float64Array;
  readonly mode: Int32Array;
  readonly linkCount: Int32Array;
  readonly openCount: Int32Array;
  /** Root of the page cache tree (base/xarray.ts), pages in it, first VMA that maps the inode. */
  readonly pages: Int32Array;
  readonly nrPages: Int32Array;
  readonly firstVma: Column<Vma>;
  /** What an unread page of the file contains: a word that index is mixed into, or NONE for zeros. */
  readonly contentSeed: Int32Array;
  /** Row of the disk it lies on, and how many bytes from its start were there before anything wrote to it. */
  readonly disk: Uint8Array;
  readonly diskBytes: Float64Array;
  /** Root of the tree of blocks written back since (page index -> block of hw/disk.ts). */
  readonly blocks: Int32Array;
  /** Pages that are dirty, pages under write-back, and the writer (write-back row) that all of them are counted on. */
  readonly dirtyPages: Int32Array;
  readonly writebackPages: Int32Array;
  readonly writer: Int32Array;
  /** Which of its writer's lists the inode is on (0: none, else 1 + WB_* of writeback.ts), its neighbours, since when it is dirty. */
  readonly writerList: Uint8Array;
  readonly nextDirty: Column<Inode>;
  readonly prevDirty: Column<Inode>;
  readonly dirtiedNs: Float64Array;
  /** Page at which write-back of a part of the file goes on (Linux: writeback_index), and writes that failed so far. */
  readonly writebackIndex: Float64Array;
  readonly writeErrors: Int32Array;
  /** As many of them as some open file has been told of: who opens the file later need not be told (Linux: ERRSEQ_SEEN). */
  readonly errorsTold: Int32Array;
  /** 0, or what kind of shared memory it is (SHMEM_* of shmem.ts); its pages that are in swap. */
  readonly shmem: Uint8Array;
  readonly swapped: Int32Array;
  /** [0] first inode never used, [1] first open file never used, [2] first free open file (chained by `inode`), [3] first free inode (by `nextDirty`). */
  readonly rows: Int32Array;
  /** By OpenFile. */
  readonly inode: Column<Inode>;
  readonly openFlags: Int32Array;
  readonly position: Float64Array;
  readonly refcount: Int32Array;
  /** Read-ahead window of the open file, in pages (Linux: struct file_ra_state). */
  readonly raStart: Float64Array;
  readonly raSize: Int32Array;
  readonly raAsyncSize: Int32Array;
  readonly raPages: Int32Array;
  readonly raMmapMiss: Int32Array;
  /** The cgroup that the open file is charged to. */
  readonly charged: Int32Array;
  readonly raPrevPos: Float64Array;
  /** Failed writes of the inode that this open file has been told of (Linux: f_wb_err). */
  readonly errorsSeen: Int32Array;
}

/**
 * Writers: what keeps the dirty files of one disk and one memory cgroup; row = disk * cgroups + cgroup. writeback.ts owns
 * them, reclaim/flusher.ts is the kernel's thread that writes.
 */
export interface WritebackColumns {
  readonly memcgs: number;
  /** By writer * 3 + WB_*: newest and oldest inode of the list. */
  readonly newest: Column<Inode>;
  readonly oldest: Column<Inode>;
  /** By writer: pages dirty, under write-back, and how many there ever were of both. */
  readonly dirty: Float64Array;
  readonly writeback: Float64Array;
  readonly dirtied: Float64Array;
  readonly written: Float64Array;
  /** By writer: when its thread runs next (Infinity: not at all), and the least of all of them in [0]. */
  readonly runNs: Float64Array;
  readonly firstRunNs: Float64Array;
  /** By writer: what the thread does (WORK_* of writeback.ts), what was asked of it, pages left, and what is old enough to be written. */
  readonly work: Uint8Array;
  readonly asked: Uint8Array;
  readonly workPages: Float64Array;
  readonly workBeforeNs: Float64Array;
  /** By writer: when the thread looked for old data last. */
  readonly lastOldNs: Float64Array;
  /** By writer, in pages a second: what it writes, the same smoothed, what it lets those dirty who wait, and what would be in balance. */
  readonly bandwidth: Float64Array;
  readonly avgBandwidth: Float64Array;
  readonly rate: Float64Array;
  readonly balancedRate: Float64Array;
  /** By writer: when these were worked out last, from how many pages dirtied and written, and 1 while it is above its limit. */
  readonly rateNs: Float64Array;
  readonly dirtiedThen: Float64Array;
  readonly writtenThen: Float64Array;
  readonly exceeded: Uint8Array;
  /** By writer * 2 + 0 in the machine's domain, 1 in its cgroup's: pages written, halved every period, and the period of that. */
  readonly share: Float64Array;
  readonly sharePeriod: Float64Array;
  /** By domain (cgroup, 0 the machine): the same of all its writers, and when its period began (0: nothing is written). */
  readonly domainShare: Float64Array;
  readonly domainPeriod: Float64Array;
  readonly domainPeriodNs: Float64Array;
  /** By domain: the limit that follows the threshold up at once and down slowly, and when it did last. */
  readonly dirtyLimit: Float64Array;
  readonly dirtyLimitNs: Float64Array;
}

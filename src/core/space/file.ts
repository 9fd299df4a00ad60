/**
 * Inodes, open files and descriptor tables: rows, references and nothing else. What a file holds is in pagecache.ts;
 * what a file descriptor points to:
 *
 *   task -> descriptor table (256 slots, shared by threads) -> open file (position, read-ahead) -> inode (size, pages)
 *
 * The model's file system is ext4 on a disk: 4 KiB blocks, one-page folios.
 * Linux: fs/inode.c, fs/file.c, fs/file_table.c, fs/open.c (6.12)   Doc: Documentation/filesystems/files.rst
 */
import { bug } from "../base/bug.ts";
import { EBADF, EMFILE, ENFILE } from "../base/errno.ts";
import { type Inode, NONE, type OpenFile, ROOT_MEMCG, type Task } from "../base/types.ts";
import type { FileColumns } from "./file-state.ts";
import { chargeObject, KMEM_FILE, unchargeObject } from "./kmem.ts";
import type { SpaceState } from "./state.ts";

/** Open flags, Linux's values on x86-64. */
export const O_ACCMODE = 3;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_DIRECTORY = 0o200000;
/** Not a flag of open: reads of this file are at random (Linux: FMODE_RANDOM). */
export const FILE_RANDOM = 1 << 30;

/** File types in a mode. */
export const S_IFMT = 0o170000;
export const S_IFREG = 0o100000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;

/**
 * Descriptors of one table.
 * Differs: Linux grows a table up to RLIMIT_NOFILE, 1024 by default; here every table has this many and that is the limit.
 */
export const FDS = 256;

/** Device number of the first disk's file system as /proc/PID/maps prints it: 08:01. */
const FIRST_DEV = 0x801;
/** The first inode number that ext4 gives to a user's file. */
const FIRST_INO = 12;
/** ext4's s_maxbytes with 4 KiB blocks: 2^32 blocks less one. */
export const MAX_FILE_BYTES = 17592186040320;

/** A file to be made. */
export interface InodeSpec {
  readonly path: string;
  readonly sizeBytes: number;
  /** Type and permission bits; a regular file with 0644 when absent. */
  readonly mode?: number;
  /** As stat gives it: major << 8 | minor. */
  readonly dev?: number;
  readonly ino?: number;
  /** Word that `contentWord` mixes with the page index; zeros when absent. */
  readonly contentSeed?: number;
  /** True: a hole as long as the file, nothing of it on the disk. */
  readonly sparse?: boolean;
  /** Disk of the machine it lies on, by position; the first when absent. */
  readonly disk?: number;
}

/** Empty tables. */
export function createFileColumns(inodes: number, files: number): FileColumns {
  const rows = new Int32Array(4);
  rows[0] = 1;
  rows[1] = 1;
  return {
    path: [""],
    dev: new Int32Array(inodes),
    ino: new Float64Array(inodes),
    sizeBytes: new Float64Array(inodes),
    mode: new Int32Array(inodes),
    linkCount: new Int32Array(inodes),
    openCount: new Int32Array(inodes),
    pages: new Int32Array(inodes),
    nrPages: new Int32Array(inodes),
    firstVma: new Int32Array(inodes),
    contentSeed: new Int32Array(inodes),
    disk: new Uint8Array(inodes),
    diskBytes: new Float64Array(inodes),
    blocks: new Int32Array(inodes),
    dirtyPages: new Int32Array(inodes),
    writebackPages: new Int32Array(inodes),
    writer: new Int32Array(inodes),
    writerList: new Uint8Array(inodes),
    nextDirty: new Int32Array(inodes),
    prevDirty: new Int32Array(inodes),
    dirtiedNs: new Float64Array(inodes),
    writebackIndex: new Float64Array(inodes),
    writeErrors: new Int32Array(inodes),
    errorsTold: new Int32Array(inodes),
    shmem: new Uint8Array(inodes),
    swapped: new Int32Array(inodes),
    rows,
    inode: new Int32Array(files),
    openFlags: new Int32Array(files),
    position: new Float64Array(files),
    refcount: new Int32Array(files),
    raStart: new Float64Array(files),
    raSize: new Int32Array(files),
    raAsyncSize: new Int32Array(files),
    raPages: new Int32Array(files),
    raMmapMiss: new Int32Array(files),
    charged: new Int32Array(files),
    raPrevPos: new Float64Array(files),
    errorsSeen: new Int32Array(files),
  };
}

/** Makes a file. Returns its inode, or -ENFILE when the table is full. */
export function createInode(k: SpaceState, spec: InodeSpec): Inode {
  const f = k.file;
  let inode = f.rows[3];
  if (inode !== NONE) f.rows[3] = f.nextDirty[inode];
  else if (f.rows[0] >= f.dev.length) return -ENFILE;
  else inode = f.rows[0]++;
  f.nextDirty[inode] = NONE;
  const disk = spec.disk ?? 0;
  f.path[inode] = spec.path;
  f.dev[inode] = spec.dev ?? FIRST_DEV + disk * 16;
  f.ino[inode] = spec.ino ?? FIRST_INO + inode - 1;
  f.sizeBytes[inode] = spec.sizeBytes;
  f.mode[inode] = spec.mode ?? S_IFREG | 0o644;
  f.linkCount[inode] = 1;
  f.contentSeed[inode] = spec.contentSeed ?? NONE;
  f.disk[inode] = disk;
  f.diskBytes[inode] = spec.sparse === true ? 0 : spec.sizeBytes;
  return inode;
}

/** The inode with this path, or NONE. */
export function findInode(k: SpaceState, path: string): Inode {
  const { path: paths, linkCount } = k.file;
  for (let inode = paths.indexOf(path, 1); inode > 0; inode = paths.indexOf(path, inode + 1)) {
    if (linkCount[inode] > 0) return inode;
  }
  return NONE;
}

/** Opens an inode with O_* flags. Returns an open file with one reference, or -ENFILE when the table is full. */
export function openFile(k: SpaceState, inode: Inode, flags: number): OpenFile {
  const f = k.file;
  let file = f.rows[2];
  if (file !== NONE) {
    f.rows[2] = f.inode[file];
  } else {
    if (f.rows[1] >= f.refcount.length) return -ENFILE;
    file = f.rows[1]++;
  }
  f.inode[file] = inode;
  f.charged[file] = chargeObject(k, KMEM_FILE);
  f.openFlags[file] = flags;
  f.position[file] = 0;
  f.refcount[file] = 1;
  f.raStart[file] = 0;
  f.raSize[file] = 0;
  f.raAsyncSize[file] = 0;
  f.raPages[file] = Math.floor((k.knob.readAheadKb * 1024) / 4096);
  f.raMmapMiss[file] = 0;
  f.raPrevPos[file] = -1;
  // What nobody was told of yet is news for whoever opens the file now, too.
  f.errorsSeen[file] = f.errorsTold[inode] === f.writeErrors[inode] ? f.writeErrors[inode] : 0;
  f.openCount[inode]++;
  return file;
}

/** Takes another reference on an open file (Linux: get_file). */
export function getFile(k: SpaceState, file: OpenFile): OpenFile {
  k.file.refcount[file]++;
  return file;
}

/** Gives a reference back; the last one closes the file (Linux: fput). */
export function putFile(k: SpaceState, file: OpenFile): void {
  const f = k.file;
  if (f.refcount[file] <= 0) bug(`open file ${file} has no reference to give back`);
  f.refcount[file]--;
  if (f.refcount[file] > 0) return;
  unchargeObject(k, f.charged[file], KMEM_FILE);
  f.charged[file] = ROOT_MEMCG;
  f.openCount[f.inode[file]]--;
  f.inode[file] = f.rows[2];
  f.rows[2] = file;
}

/** The open file behind a task's descriptor, or NONE. */
export function fdFile(k: SpaceState, task: Task, fd: number): OpenFile {
  if (!Number.isInteger(fd) || fd < 0 || fd >= FDS) return NONE;
  return k.task.fds[k.task.fdTable[task] * FDS + fd];
}

/** Gives the open file to the lowest free descriptor, which takes over the reference. Returns it, or -EMFILE. */
export function installFd(k: SpaceState, task: Task, file: OpenFile): number {
  const base = k.task.fdTable[task] * FDS;
  for (let fd = 0; fd < FDS; fd++) {
    if (k.task.fds[base + fd] !== NONE) continue;
    k.task.fds[base + fd] = file;
    return fd;
  }
  return -EMFILE;
}

/** Frees a descriptor and its reference. Returns 0, or -EBADF when it is not open. */
export function closeFd(k: SpaceState, task: Task, fd: number): number {
  const file = fdFile(k, task, fd);
  if (file === NONE) return -EBADF;
  k.task.fds[k.task.fdTable[task] * FDS + fd] = NONE;
  putFile(k, file);
  return 0;
}

/** True when the open file may be read. */
export function mayRead(k: SpaceState, file: OpenFile): boolean {
  return (k.file.openFlags[file] & O_ACCMODE) !== O_WRONLY;
}

/** True when the open file may be written. */
export function mayWrite(k: SpaceState, file: OpenFile): boolean {
  return (k.file.openFlags[file] & O_ACCMODE) !== O_RDONLY;
}

/**
 * Walks open files and descriptor tables. Invariants: a descriptor points to an open file with a reference; an inode is
 * open as often as open files name it; the references of a file are at least its descriptors and mappings.
 */
export function checkFiles(k: SpaceState): void {
  const f = k.file;
  const opened = new Int32Array(f.rows[0]);
  for (let file = 1; file < f.rows[1]; file++) if (f.refcount[file] > 0) opened[f.inode[file]]++;
  for (let inode = 1; inode < f.rows[0]; inode++) {
    if (opened[inode] !== f.openCount[inode])
      bug(`inode ${inode} is open ${opened[inode]} times and counts ${f.openCount[inode]}`);
  }
  const held = countHolders(k);
  for (let file = 1; file < f.rows[1]; file++) {
    if (held[file] > f.refcount[file])
      bug(`open file ${file} is held ${held[file]} times with ${f.refcount[file]} references`);
  }
}

/** By open file: descriptors and mappings that point to it. */
function countHolders(k: SpaceState): Int32Array {
  const { task, vma } = k;
  const held = new Int32Array(k.file.rows[1]);
  const counted = new Set<number>();
  for (let row = 1; row < task.rows[0]; row++) {
    const table = task.fdTable[row];
    if (table === NONE || counted.has(table)) continue;
    counted.add(table);
    for (let fd = 0; fd < FDS; fd++) {
      const file = task.fds[table * FDS + fd];
      if (file !== NONE) held[file]++;
    }
  }
  for (let row = 1; row < vma.rows[1]; row++)
    if (vma.mm[row] !== NONE && vma.file[row] !== NONE) held[vma.file[row]]++;
  return held;
}

/**
 * The numbers of mmap(2), mprotect(2) and madvise(2), as programs pass them.
 * Linux: include/uapi/asm-generic/mman-common.h, mman.h, arch/x86/include/uapi/asm/mman.h (6.12)   Doc: man 2 mmap
 */

export const PROT_READ = 0x1;
export const PROT_WRITE = 0x2;
export const PROT_EXEC = 0x4;
/** Accepted and without effect. */
export const PROT_SEM = 0x8;
/** mprotect only: from the start of the stack VMA that contains the range. */
export const PROT_GROWSDOWN = 0x01000000;
/** mprotect only: to the end of a VMA that grows upwards; x86 has none. */
export const PROT_GROWSUP = 0x02000000;

export const MAP_SHARED = 0x01;
export const MAP_PRIVATE = 0x02;
/** MAP_SHARED that refuses flags it does not know. */
export const MAP_SHARED_VALIDATE = 0x03;
export const MAP_DROPPABLE = 0x08;
/** The bits that hold one of the four kinds above. */
export const MAP_TYPE = 0x0f;
/** Exactly at the address, in place of what is there. */
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
/** In the second gigabyte. */
export const MAP_32BIT = 0x40;
/** Not below the fourth gigabyte. */
export const MAP_ABOVE4G = 0x80;
export const MAP_GROWSDOWN = 0x0100;
/** This one and the next are accepted and without effect. */
export const MAP_DENYWRITE = 0x0800;
export const MAP_EXECUTABLE = 0x1000;
export const MAP_LOCKED = 0x2000;
export const MAP_NORESERVE = 0x4000;
/** Fault everything in before returning; NONBLOCK turns that off. */
export const MAP_POPULATE = 0x008000;
export const MAP_NONBLOCK = 0x010000;
export const MAP_STACK = 0x020000;
export const MAP_HUGETLB = 0x040000;
export const MAP_SYNC = 0x080000;
/** Exactly at the address, unless something is there. */
export const MAP_FIXED_NOREPLACE = 0x100000;
const MAP_UNINITIALIZED = 0x4000000;
/** Bits 26 to 31: binary logarithm of the huge page size, 0 for the default size. */
export const MAP_HUGE_SHIFT = 26;
export const MAP_HUGE_MASK = 0x3f;

/** Flags that every file accepts; MAP_SHARED ignores others and MAP_SHARED_VALIDATE refuses them. */
export const LEGACY_MAP_MASK =
  MAP_SHARED |
  MAP_PRIVATE |
  MAP_FIXED |
  MAP_ANONYMOUS |
  MAP_DENYWRITE |
  MAP_EXECUTABLE |
  MAP_UNINITIALIZED |
  MAP_GROWSDOWN |
  MAP_LOCKED |
  MAP_NORESERVE |
  MAP_POPULATE |
  MAP_NONBLOCK |
  MAP_STACK |
  MAP_HUGETLB |
  MAP_32BIT |
  MAP_ABOVE4G |
  (21 << MAP_HUGE_SHIFT) |
  (30 << MAP_HUGE_SHIFT);

export const MADV_NORMAL = 0;
export const MADV_RANDOM = 1;
export const MADV_SEQUENTIAL = 2;
export const MADV_WILLNEED = 3;
/** Throw the pages away now. */
export const MADV_DONTNEED = 4;
export const MADV_FREE = 8;
export const MADV_REMOVE = 9;
export const MADV_DONTFORK = 10;
export const MADV_DOFORK = 11;
export const MADV_MERGEABLE = 12;
export const MADV_UNMERGEABLE = 13;
export const MADV_HUGEPAGE = 14;
export const MADV_NOHUGEPAGE = 15;
export const MADV_DONTDUMP = 16;
export const MADV_DODUMP = 17;
export const MADV_WIPEONFORK = 18;
export const MADV_KEEPONFORK = 19;
export const MADV_COLD = 20;
export const MADV_PAGEOUT = 21;
export const MADV_POPULATE_READ = 22;
export const MADV_POPULATE_WRITE = 23;
export const MADV_DONTNEED_LOCKED = 24;
export const MADV_COLLAPSE = 25;
export const MADV_HWPOISON = 100;
export const MADV_SOFT_OFFLINE = 101;

/** msync: start nothing, drop other copies (there are none), write and wait. */
export const MS_ASYNC = 1;
export const MS_INVALIDATE = 2;
export const MS_SYNC = 4;

/*
 * Where the stub's routines stand. Included by stub.S and by the controller, so the two cannot disagree.
 * Each routine takes its arguments in registers, leaves its results in registers and ends in a breakpoint (int3).
 */
#ifndef STUB_LAYOUT_H
#define STUB_LAYOUT_H

/* The one page of the program. */
#define STUB_BASE 0x400000

/* The entry point: nothing but a breakpoint. The first instruction that runs faults the page in. */
#define STUB_ENTRY 0x4000c0

/* A system call. rax: number, rdi rsi rdx r10 r8 r9: arguments. Leaves rax: result. */
#define STUB_CALL 0x4000d0

/* Loads bytes rdi up to rsi, ascending. eax: running FNV-1a hash. Leaves eax: hash, rbx: the last 8 bytes, newest on top. */
#define STUB_LOAD 0x4000e0

/* Stores bytes rdi up to rsi, ascending; byte i is byte i mod 4 of eax. */
#define STUB_STORE 0x400110

/*
 * Up to 64 accesses to 4-byte words. rdi: base address, ecx: how many (>= 1), r8d: number of the first access, eax: running hash;
 * xmm0 to xmm15: one 32-bit entry an access, the word's offset from the base in words, bit 31 set for a store of the access's number.
 * Leaves r8d: number of the access that comes next, eax: hash over the bytes loaded.
 */
#define STUB_BATCH 0x400120

/* Entries that fit into the vector registers. */
#define STUB_BATCH_MAX 64

#endif

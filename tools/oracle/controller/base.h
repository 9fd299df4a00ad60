/*
 * What every file of the controller uses: memory that is taken once and given back by marks, text, errors, the FNV-1a hash.
 *
 * Memory comes from one block of fixed size, all of it present before a script starts, so that the controller takes no page fault
 * of its own while a script runs: /proc/vmstat counts everybody's.
 */
#ifndef BASE_H
#define BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES 4096
#define FNV_START 0x811c9dc5u

/* How a controller ends: everything ran; a statement could not run; the script cannot be read, or this machine cannot run it. */
#define EXIT_RAN 0
#define EXIT_STOPPED 1
#define EXIT_USAGE 2

/* Takes zeroed memory. Ends the program when there is none left. */
void *take(size_t bytes);

/* Where the next memory will be taken; give_back(mark) returns everything taken since. */
size_t take_mark(void);
void give_back(size_t mark);

/* A copy of the first `length` bytes, with a zero after them. */
char *take_text(const char *bytes, size_t length);

/* Text put together as printf does. */
char *take_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Everything a descriptor has to read, with a zero after it. Returns NULL (errno says why) when it cannot be read. */
char *take_contents(int descriptor, size_t *length);

/* Ends the program with a message about the machine or the command line: EXIT_USAGE. */
_Noreturn void refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* FNV-1a over more bytes; start with FNV_START. */
uint32_t fnv_bytes(uint32_t hash, const void *bytes, size_t length);

#endif

/*
 * Which words a pattern touches, in which order: the random generator and the five shapes. docs/script.md, sections 5 and 6.
 */
#ifndef PATTERNS_H
#define PATTERNS_H

#include "script.h"

#include <stdint.h>

/* The most pages a pattern may span. */
#define PATTERN_PAGES_MAX (INT64_C(1) << 21)

/* Bit 31 of an entry: the access is a store. The other bits count words from the pattern's address. */
#define ENTRY_STORE 0x80000000u

typedef struct Random {
    uint32_t state[4];
} Random;

/* A pattern under way. Made by start_pattern. */
typedef struct Pattern {
    Shape shape;
    Op op;
    uint32_t writes;
    uint64_t pages;
    uint64_t step; /* stride: distance in bytes, always positive */
    bool is_descending;
    uint64_t count; /* accesses in all */
    uint64_t index; /* the next access's number */
    Random random;
    const uint64_t *zipf_sums; /* T[0..n] */
    unsigned zipf_bits;
    uint64_t zipf_factor;
} Pattern;

/*
 * Begins a pattern over `length` bytes (at least 1, at most PATTERN_PAGES_MAX pages); `third` is the step or the number of accesses.
 * Takes memory for zipf's table.
 */
void start_pattern(Pattern *pattern, const Statement *statement, int64_t length, int64_t third);

/* The next access; call it `count` times. */
uint32_t next_entry(Pattern *pattern);

#endif

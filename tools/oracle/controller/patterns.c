/*
 * The patterns; see patterns.h. Every number here is defined by docs/script.md, section 6, in integers, so that another runner draws the
 * same pages.
 */
#include "patterns.h"

#include "base.h"

#include <string.h>

/* 2^26 * 2^(-2^-b) for b = 1 to 20, rounded. */
static const uint64_t HALVINGS[21] = {
    0,        47453133, 56431603, 61539100, 64263668, 65670859, 66385968, 66746437, 66927405, 67018073, 67063453,
    67086155, 67097508, 67103186, 67106025, 67107444, 67108154, 67108509, 67108687, 67108775, 67108820,
};

/* The bits that fall out on the left come in on the right. */
static uint32_t rotate_left(uint32_t value, unsigned by)
{
    return value << by | value >> (32 - by);
}

/* Fills the state of xoshiro128** with splitmix32. */
static void seed_random(Random *random, uint32_t seed)
{
    uint32_t mix = seed;
    for (int i = 0; i < 4; i++) {
        mix += 0x9e3779b9u;
        uint32_t word = (mix ^ mix >> 16) * 0x21f0aaadu;
        word = (word ^ word >> 15) * 0x735a2d97u;
        random->state[i] = word ^ word >> 15;
    }
}

/* The next number of xoshiro128**. */
static uint32_t next_random(Random *random)
{
    uint32_t *s = random->state;
    uint32_t result = rotate_left(s[1] * 5, 7) * 9;
    uint32_t shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 11);
    return result;
}

/* log2 of a rank below 2^22, in units of 1/2^20. */
static uint64_t log2_of_rank(uint64_t rank)
{
    unsigned whole = 63 - (unsigned)__builtin_clzll(rank);
    uint64_t x = rank << 25 >> whole;
    uint64_t log = whole;
    for (int i = 0; i < 20; i++) {
        x = x * x >> 25;
        log *= 2;
        if (x >= UINT64_C(1) << 26) {
            x /= 2;
            log++;
        }
    }
    return log;
}

/* The weight of a rank: 2^32 * rank^(-theta/1000), at least 1. */
static uint64_t zipf_weight(uint64_t rank, uint32_t theta)
{
    uint64_t exponent = log2_of_rank(rank) * theta / 1000;
    uint64_t whole = exponent >> 20;
    uint64_t weight = UINT64_C(1) << 26;
    for (unsigned bit = 1; bit <= 20; bit++)
        if (exponent >> (20 - bit) & 1)
            weight = weight * HALVINGS[bit] >> 26;
    weight = whole < 64 ? 64 * weight >> whole : 0;
    return weight > 0 ? weight : 1;
}

/* Euclid's. */
static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Adds the weights up, and chooses the factor that scatters ranks over the pages. */
static void prepare_zipf(Pattern *pattern, uint32_t theta)
{
    uint64_t n = pattern->pages;
    uint64_t *sums = take(sizeof *sums * (n + 1));
    for (uint64_t rank = 1; rank <= n; rank++)
        sums[rank] = sums[rank - 1] + zipf_weight(rank, theta);
    pattern->zipf_sums = sums;
    pattern->zipf_bits = 64 - (unsigned)__builtin_clzll(sums[n]);
    pattern->zipf_factor = 5 * n / 8;
    while (greatest_common_divisor(pattern->zipf_factor, n) != 1)
        pattern->zipf_factor++;
}

void start_pattern(Pattern *pattern, const Statement *statement, int64_t length, int64_t third)
{
    memset(pattern, 0, sizeof *pattern);
    pattern->shape = statement->shape;
    pattern->op = statement->op;
    pattern->writes = statement->writes;
    pattern->pages = ((uint64_t)length + PAGE_BYTES - 1) / PAGE_BYTES;
    seed_random(&pattern->random, statement->seed);
    if (statement->shape == SHAPE_SCAN)
        pattern->count = pattern->pages;
    else if (statement->shape == SHAPE_STRIDE) {
        pattern->is_descending = third < 0;
        pattern->step = (uint64_t)(third < 0 ? -third : third);
        pattern->count = ((uint64_t)length + pattern->step - 1) / pattern->step;
    } else
        pattern->count = (uint64_t)third;
    if (statement->shape == SHAPE_ZIPF)
        prepare_zipf(pattern, statement->theta);
}

/* Draws a rank by its weight, by search in the sums. Returns its page. */
static uint64_t draw_zipf_page(Pattern *pattern)
{
    uint64_t n = pattern->pages;
    uint64_t drawn;
    do {
        uint64_t high = next_random(&pattern->random);
        uint64_t low = next_random(&pattern->random);
        drawn = (high & ((UINT64_C(1) << (pattern->zipf_bits - 32)) - 1)) << 32 | low;
    } while (drawn >= pattern->zipf_sums[n]);
    uint64_t least = 1;
    uint64_t most = n;
    while (least < most) {
        uint64_t middle = (least + most) / 2;
        if (pattern->zipf_sums[middle] > drawn)
            most = middle;
        else
            least = middle + 1;
    }
    return (least - 1) * pattern->zipf_factor % n;
}

/* Where the next access goes, in bytes from the pattern's address. */
static uint64_t next_offset(Pattern *pattern)
{
    uint64_t index = pattern->index;
    switch (pattern->shape) {
    case SHAPE_STRIDE:
        return (pattern->is_descending ? pattern->count - 1 - index : index) * pattern->step;
    case SHAPE_UNIFORM:
        return (next_random(&pattern->random) * pattern->pages >> 32) * PAGE_BYTES;
    case SHAPE_ZIPF:
        return draw_zipf_page(pattern) * PAGE_BYTES;
    default:
        return index % pattern->pages * PAGE_BYTES;
    }
}

uint32_t next_entry(Pattern *pattern)
{
    uint32_t words = (uint32_t)(next_offset(pattern) / 4);
    bool is_store = pattern->op == OP_STORE;
    if (pattern->op == OP_MIX)
        is_store = next_random(&pattern->random) % 100 < pattern->writes;
    pattern->index++;
    return is_store ? words | ENTRY_STORE : words;
}

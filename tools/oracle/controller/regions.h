/*
 * Writes addresses relative to what the script knows by name, so that a transcript does not depend on where the kernel put things.
 * docs/script.md, section 9.
 */
#ifndef REGIONS_H
#define REGIONS_H

#include <stdint.h>

#define REGIONS_MAX 4096

/* A named piece of the address space: [start, end); `end` may equal `start`. */
typedef struct Region {
    const char *name;
    int64_t start;
    int64_t end;
} Region;

/* Regions in the order they were bound, one a name. */
typedef struct Regions {
    Region list[REGIONS_MAX];
    int count;
} Regions;

/* Binds a name anew, to `length` bytes rounded up to pages; it counts as bound last. */
void bind_region(Regions *regions, const char *name, int64_t start, int64_t length);

/* Unbinds a name, if it is bound. */
void unbind_region(Regions *regions, const char *name);

/* The region an address is written relative to, or NULL when none is near. */
const Region *nearest_region(const Regions *regions, int64_t address);

/* An address as the transcript writes it, relative to a region, or to the nearest one. Takes memory. */
const char *format_relative(const Region *region, int64_t address);
const char *format_address(const Regions *regions, int64_t address);

/* A number of bytes with the largest suffix that divides it. Takes memory. */
const char *format_size(int64_t bytes);

#endif

/*
 * Regions; see regions.h.
 */
#include "regions.h"

#include "base.h"

#include <string.h>

#define FARTHEST (INT64_C(1) << 40)

void unbind_region(Regions *regions, const char *name)
{
    for (int i = 0; i < regions->count; i++) {
        Region *region = &regions->list[i];
        if (strcmp(region->name, name) != 0)
            continue;
        memmove(region, region + 1, sizeof *region * (size_t)(regions->count - i - 1));
        regions->count--;
        return;
    }
}

void bind_region(Regions *regions, const char *name, int64_t start, int64_t length)
{
    unbind_region(regions, name);
    if (regions->count == REGIONS_MAX)
        refuse("more than %d regions", REGIONS_MAX);
    int64_t pages = length / PAGE_BYTES + (length % PAGE_BYTES > 0);
    regions->list[regions->count++] = (Region){name, start, start + pages * PAGE_BYTES};
}

const Region *nearest_region(const Regions *regions, int64_t address)
{
    const Region *nearest = NULL;
    int64_t least = FARTHEST;
    /* The upper half of the address space, where the kernel is, is far from everything. */
    if (address < 0)
        return NULL;
    for (int i = 0; i < regions->count; i++) {
        const Region *region = &regions->list[i];
        int64_t distance = address < region->start ? region->start - address : address - region->end;
        if (region->start <= address && address < region->end)
            distance = -1;
        if (distance <= least) {
            nearest = region;
            least = distance;
        }
    }
    return nearest;
}

const char *format_relative(const Region *region, int64_t address)
{
    if (address == 0)
        return "NULL";
    if (region == NULL)
        return take_format("0x%llx", (unsigned long long)address);
    int64_t offset = address - region->start;
    if (offset == 0)
        return region->name;
    return take_format("%s%c%s", region->name, offset > 0 ? '+' : '-', format_size(offset > 0 ? offset : -offset));
}

const char *format_address(const Regions *regions, int64_t address)
{
    return format_relative(nearest_region(regions, address), address);
}

const char *format_size(int64_t bytes)
{
    static const char SUFFIXES[] = {'T', 'G', 'M', 'K'};
    for (int i = 0; bytes != 0 && i < 4; i++) {
        int64_t unit = INT64_C(1) << (40 - 10 * i);
        if (bytes % unit == 0)
            return take_format("%lld%c", (long long)(bytes / unit), SUFFIXES[i]);
    }
    return take_format("%lld", (long long)bytes);
}

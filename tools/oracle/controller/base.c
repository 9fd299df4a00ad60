/*
 * Memory, text, errors and the hash; see base.h.
 */
#include "base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Enough for the largest zipf table (16 MiB) and the longest smaps beside it. */
#define BLOCK_BYTES (24u << 20)
/* Files of /proc/sys refuse to be read in large pieces. */
#define READ_BYTES (64u << 10)

#define FNV_PRIME 0x01000193u

static char block[BLOCK_BYTES];
static size_t used;

void *take(size_t bytes)
{
    size_t rounded = (bytes + 15) & ~(size_t)15;
    if (rounded < bytes || rounded > BLOCK_BYTES - used)
        refuse("the script needs more memory than the controller has");
    void *taken = block + used;
    used += rounded;
    memset(taken, 0, rounded);
    return taken;
}

size_t take_mark(void)
{
    return used;
}

void give_back(size_t mark)
{
    used = mark;
}

char *take_text(const char *bytes, size_t length)
{
    char *copy = take(length + 1);
    memcpy(copy, bytes, length);
    return copy;
}

char *take_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = take((size_t)length + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

char *take_contents(int descriptor, size_t *length)
{
    size_t room = BLOCK_BYTES - used;
    char *start = block + used;
    size_t got = 0;
    for (;;) {
        if (got + 1 >= room)
            refuse("a file is larger than the controller's memory");
        size_t left = room - got - 1;
        ssize_t count = read(descriptor, start + got, left < READ_BYTES ? left : READ_BYTES);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return NULL;
        if (count == 0)
            break;
        got += (size_t)count;
    }
    start[got] = 0;
    used += (got + 16) & ~(size_t)15;
    if (length)
        *length = got;
    return start;
}

void refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fputs("controller: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_USAGE);
}

uint32_t fnv_bytes(uint32_t hash, const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ byte[i]) * FNV_PRIME;
    return hash;
}

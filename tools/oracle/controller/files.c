/*
 * Directives: files of defined content, their pages in the cache, tunables. docs/script.md, section 8.
 */
#include "base.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_PAGES 64
#define PAGE_WORDS (PAGE_BYTES / 4)
#define PAGE_FACTOR 0x9e3779b1u

/* Writes a file's content: every word of page p is the same, and a breakpoint instruction is its first byte. */
static int write_content(int descriptor, const char *name, int64_t size)
{
    static uint32_t chunk[CHUNK_PAGES * PAGE_WORDS];
    uint32_t seed = fnv_bytes(FNV_START, name, strlen(name));
    uint32_t page = 0;
    for (int64_t at = 0; at < size; at += (int64_t)sizeof chunk) {
        for (size_t i = 0; i < CHUNK_PAGES; i++, page++) {
            uint32_t word = ((seed ^ page * PAGE_FACTOR) & 0xffffff00u) | 0xcc;
            for (size_t j = 0; j < PAGE_WORDS; j++)
                chunk[i * PAGE_WORDS + j] = word;
        }
        size_t length = size - at < (int64_t)sizeof chunk ? (size_t)(size - at) : sizeof chunk;
        ssize_t written = write(descriptor, chunk, length);
        if (written != (ssize_t)length)
            return written < 0 ? errno : ENOSPC;
    }
    return 0;
}

/* Writes dirty pages back and evicts the file's pages that no task maps. */
static int evict(int descriptor)
{
    if (fsync(descriptor) < 0)
        return errno;
    return posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
}

/* Makes the file anew. What the old one had cached goes with it. */
static int make_file(Run *run, const char *name, int64_t size)
{
    unlinkat(run->world->directory, name, 0);
    int descriptor = openat(run->world->directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor < 0)
        return errno;
    fchmod(descriptor, 0644);
    int error = write_content(descriptor, name, size);
    if (error == 0)
        error = evict(descriptor);
    close(descriptor);
    return error;
}

/* Empties the page cache of a file as far as it goes. Returns 0 or an errno. */
static int drop_file(Run *run, const char *name)
{
    int descriptor = openat(run->world->directory, name, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        return errno;
    int error = evict(descriptor);
    close(descriptor);
    return error;
}

/* Reads a whole file through a descriptor of our own. Returns 0 or an errno. */
static int warm_file(Run *run, const char *name)
{
    static char chunk[128 << 10];
    int descriptor = openat(run->world->directory, name, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return errno;
    ssize_t got;
    do
        got = read(descriptor, chunk, sizeof chunk);
    while (got > 0);
    int error = got < 0 ? errno : 0;
    close(descriptor);
    return error;
}

/* Remembers a tunable's value, the first time it is changed, unless it has none. Returns 0 or an errno. */
static int note_tuned(Run *run, const char *path)
{
    for (int i = 0; i < run->tuned_count; i++)
        if (strcmp(run->tuned[i].path, path) == 0)
            return 0;
    struct stat about;
    if (fstatat(run->world->proc, path, &about, 0) < 0)
        return errno;
    /* What nobody may read is an order: there is nothing to put back. */
    if ((about.st_mode & 0444) == 0)
        return 0;
    int descriptor = openat(run->world->proc, path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return errno;
    const char *text = take_contents(descriptor, NULL);
    close(descriptor);
    if (text == NULL || run->tuned_count == TUNED_MAX)
        return EIO;
    run->tuned[run->tuned_count++] = (Tuned){path, text};
    return 0;
}

/* Sets the tunable of the statement; the old value is kept for the end. Returns 0 or an errno. */
static int set_sysctl(Run *run)
{
    const Statement *statement = run->statement;
    if (!run->world->may_tune)
        stop_run(run, 1, "sysctl is not allowed here: others live on this machine");
    char *path = take_format("sys/%s", statement->sysctl);
    for (char *at = path; *at; at++)
        if (*at == '.')
            *at = '/';
    int error = note_tuned(run, path);
    if (error)
        return error;
    return write_text(run->world->proc, path, take_format("%lld", (long long)statement->number));
}

void put_back_tuned(Run *run)
{
    for (int i = 0; i < run->tuned_count; i++)
        write_text(run->world->proc, run->tuned[i].path, run->tuned[i].text);
}

int run_directive(Run *run)
{
    const Statement *statement = run->statement;
    const char *name = statement->file.text;
    if (statement->kind == ACTION_SYSCTL)
        return set_sysctl(run);
    if (statement->kind == ACTION_DROP)
        return drop_file(run, name);
    if (statement->kind == ACTION_WARM)
        return warm_file(run, name);
    int64_t size = evaluate(run, statement->args[0]);
    if (size < 0)
        stop_run(run, statement->args[0]->column, "expected a size, found %lld", (long long)size);
    return make_file(run, name, size);
}

const unsigned char *read_cached(Run *run, const char *file, size_t *pages)
{
    struct stat about;
    int descriptor = openat(run->world->directory, file, O_RDWR | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &about) < 0)
        stop_run(run, run->statement->file.column, "%s: %s", file, strerror(errno));
    size_t length = (size_t)about.st_size;
    *pages = (length + PAGE_BYTES - 1) / PAGE_BYTES;
    unsigned char *cached = take(*pages + 1);
    void *mapped = length ? mmap(NULL, length, PROT_READ, MAP_SHARED, descriptor, 0) : NULL;
    close(descriptor);
    if (length == 0)
        return cached;
    if (mapped == MAP_FAILED || mincore(mapped, length, cached) < 0)
        stop_run(run, run->statement->file.column, "mincore of %s: %s", file, strerror(errno));
    munmap(mapped, length);
    return cached;
}

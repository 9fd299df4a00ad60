/*
 * What a run's time was: how long the script took, and when the kernel added up its statistics of cgroups while it ran, which it does every
 * two seconds, in a work item whose beginning it can be asked to note. Both are seconds since the first pattern or together after which no file
 * is made: what comes before prepares the machine, and how long a file takes is its disk's matter. Printed as a frame line, so that it is not part of the transcript:
 *
 *     @@ clock 1.234567 flushed 0.733120 2.749004
 */
#include "base.h"
#include "run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRACING "kernel/tracing"
#define INSTANCE TRACING "/instances/pagewalk"
#define EVENT "events/workqueue/workqueue_execute_start"
#define WORK "flush_memcg_stats_dwork"

/* Of the list of symbols: a line's address comes first, and lines are short. */
#define CHUNK_BYTES 65536
#define LINE_MOST 256

/* More than the time between two flushes. */
#define FLUSH_SECONDS_MOST 2.5

/* The address of the work's function, as the list of symbols has it; "" when it is not there. */
static const char *work_address(const World *world)
{
    static char chunk[LINE_MOST + CHUNK_BYTES + 1];
    static char address[32];
    size_t kept = 0;
    int symbols = openat(world->proc, "kallsyms", O_RDONLY | O_CLOEXEC);
    for (ssize_t length; symbols >= 0 && (length = read(symbols, chunk + kept, CHUNK_BYTES)) > 0;) {
        size_t end = kept + (size_t)length;
        chunk[end] = 0;
        char *name = strstr(chunk, " t " WORK "\n");
        if (name) {
            char *start = name;
            while (start > chunk && start[-1] != '\n')
                start--;
            snprintf(address, sizeof address, "%.*s", (int)(name - start), start);
            break;
        }
        kept = end < LINE_MOST ? end : LINE_MOST;
        memmove(chunk, chunk + end - kept, kept);
    }
    if (symbols >= 0)
        close(symbols);
    return address;
}

bool start_noting_flushes(const World *world)
{
    const char *address = work_address(world);
    if (address[0] == 0)
        return false;
    if (getpid() == 1)
        mount("tracefs", "/sys/" TRACING, "tracefs", 0, NULL);
    mkdirat(world->sys, INSTANCE, 0755);
    return write_text(world->sys, INSTANCE "/buffer_size_kb", "64") == 0 &&
           write_text(world->sys, INSTANCE "/trace_clock", "mono") == 0 &&
           write_text(world->sys, INSTANCE "/" EVENT "/filter", take_format("function == 0x%s", address)) == 0 &&
           write_text(world->sys, INSTANCE "/" EVENT "/enable", "1") == 0;
}

void stop_noting_flushes(const World *world)
{
    unlinkat(world->sys, INSTANCE, AT_REMOVEDIR);
}

/* Seconds since the machine was booted. */
static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void start_clock(Run *run)
{
    if (run->began == 0)
        run->began = seconds_now();
}

/* Prints the flushes since the clock was started. Returns how many there are. */
static int print_flushes(const Run *run)
{
    int count = 0;
    size_t mark = take_mark();
    int trace = openat(run->world->sys, INSTANCE "/trace", O_RDONLY | O_CLOEXEC);
    char *rest = trace < 0 ? NULL : take_contents(trace, NULL);
    for (char *line; rest && (line = strtok_r(rest, "\n", &rest));) {
        char *event = strstr(line, ": workqueue_execute_start: ");
        while (event && event > line && event[-1] != ' ')
            event--;
        double at = event ? strtod(event, NULL) - run->began : -1;
        if (at >= 0) {
            printf(" %.6f", at);
            count++;
        }
    }
    if (trace >= 0)
        close(trace);
    give_back(mark);
    return count;
}

void reset_clock(Run *run)
{
    run->began = 0;
}

void print_clock(const Run *run)
{
    if (!run->world->notes_flushes || run->began == 0)
        return;
    double took = seconds_now() - run->began;
    printf("@@ clock %.6f flushed", took);
    /* Where there was none, the next one says where in the period the script was. The kernel's timer does not wake a processor. */
    while (print_flushes(run) == 0 && seconds_now() - run->began < took + FLUSH_SECONDS_MOST)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    printf("\n");
}

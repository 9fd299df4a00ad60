/*
 * A script under way: what its names stand for, its tasks, and what it has seen. Shared by the files that run one kind of statement each.
 */
#ifndef RUN_H
#define RUN_H

#include "patterns.h"
#include "regions.h"
#include "script.h"
#include "tracee.h"
#include "world.h"

#include <stdbool.h>
#include <stdint.h>

#define VALUES_MAX 1024
#define SEEN_MAX 1024
#define TUNED_MAX 32
#define GROUPS_MAX 32
#define WATCHES_MAX 32

/* What a name stands for in expressions. */
typedef struct Value {
    const char *name;
    int64_t number;
} Value;

/* A field of /proc/vmstat or /proc/meminfo as it was when last shown. */
typedef struct Seen {
    View view;
    const char *field;
    int64_t value;
} Seen;

/* A sysctl that was changed: its path below /proc and its old text. */
typedef struct Tuned {
    const char *path;
    const char *text;
} Tuned;

/* An eventfd that is bound to a file of a cgroup. */
typedef struct Watch {
    const char *name;
    int events;
} Watch;

/* What is counted by others than tasks; see `show totals`. */
typedef struct Totals {
    int64_t swapin;
    int64_t swapout;
    int64_t refault_anon;
    int64_t refault_file;
    int64_t filein;
    int64_t fileout;
} Totals;

typedef struct Run {
    const World *world;
    const Script *script;
    const Statement *statement;
    Layout layout;
    Tasks tasks;
    Regions regions;
    Value values[VALUES_MAX];
    int value_count;
    Seen seen[SEEN_MAX];
    int seen_count;
    Tuned tuned[TUNED_MAX];
    int tuned_count;
    Totals before;
    const char *groups[GROUPS_MAX]; /* those made, in order */
    int group_count;
    int swap_count; /* areas swapped on */
    Watch watches[WATCHES_MAX];
    int watch_count;
    double began; /* the first pattern: seconds since the machine was booted; 0: not yet */
} Run;

/* A pattern that a task is in, and how far. */
typedef struct Touch {
    Pattern pattern;
    int64_t address;
    uint64_t done;
    uint32_t hash;
} Touch;

/* Runs a script in a world and writes its transcript to stdout. Does not return: ends with EXIT_RAN or EXIT_STOPPED. */
_Noreturn void run_script(const World *world, const Script *script);

/* Ends the script because the statement under way cannot run: a line on stderr that points at the column. */
_Noreturn void stop_run(Run *run, int column, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The value of an expression. */
int64_t evaluate(Run *run, const Expr *expr);

/* Gives a name its value. */
void set_value(Run *run, const char *name, int64_t number);

/* calls.c: makes the statement's call. Returns its result as the transcript writes it. */
const char *run_call(Run *run, Task *task);

/* access.c: the statement's access or pattern. Returns its result as the transcript writes it. */
const char *run_access(Run *run, Task *task);
const char *run_pattern(Run *run, Task *task);

/* access.c: the same without waiting: starts, and goes on after a stop. Returns NULL while there is more to do. */
void start_touch(Run *run, Task *task, Touch *touch);
const char *go_on_touching(Run *run, Task *task, Touch *touch, const Stop *stop);

/* calls.c: the same for a call; `arguments` has room for CALL_ARGS_MAX. */
void start_call(Run *run, const Task *task, uint64_t *arguments);
const char *format_call(Run *run, const Task *task, const Stop *stop, const uint64_t *arguments);

/* together.c: runs the lines that follow, up to the end that belongs to it. Returns its index. */
int run_together(Run *run, int index);

/* pressure.c: swap areas, cgroups and the figures that pressure is measured by. */
int run_pressure(Run *run);
int group_root(Run *run, const char **prefix);
const char *group_path(const char *prefix, const char *group, const char *file);
int enter_group(Run *run, const Task *task);
int adjust_score(Run *run, const Task *task);
void note_totals(Run *run);
void print_totals(Run *run);
void print_group_file(Run *run);
void print_swaps(Run *run);
void print_pressure(Run *run);
void wait_for_quiet_swap(const Run *run);
void end_pressure(Run *run);

/* watch.c: binds an eventfd to a file of a cgroup, and prints how often it was told since. */
int make_watch(Run *run);
void print_watch(Run *run);

/* clock.c: the script's own time begins, unless it has; begins anew; prints how much of it has passed, and the flushes in it. */
void start_clock(Run *run);
void reset_clock(Run *run);
void print_clock(const Run *run);

/* show.c: prints what the statement wants to see, and notes the fields it may show later. */
void run_show(Run *run, Task *task);
void note_fields(Run *run);

/* messages.c: the kernel's messages since the script's start, or since they were printed last. */
void skip_messages(const Run *run);
void print_messages(Run *run);

/* files.c: directives. Return 0 or an errno. */
int run_directive(Run *run);
void put_back_tuned(Run *run);

/* files.c: which pages of a file are in the page cache, one byte a page, bit 0; the number of pages. Takes memory. */
const unsigned char *read_cached(Run *run, const char *file, size_t *pages);

#endif

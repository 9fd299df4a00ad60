/*
 * Memory pressure: swap areas, memory cgroups, and the figures that it is measured by. docs/script.md, sections 8a and 10.
 */
#include "base.h"
#include "run.h"
#include "zram.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <time.h>
#include <unistd.h>

/* Where a swap header says what it is. */
#define SIGNATURE "SWAPSPACE2"
#define HEADER_VERSION 1024
#define HEADER_LAST_PAGE 1028

#define HIGHEST_PRIORITY 32767

/* A group that was just emptied may be busy for a moment. */
#define REMOVE_TRIES 400

/* Writes a swap header as mkswap does: version 1, the number of the last page, no bad pages. Returns 0 or an errno. */
static int write_swap_header(const char *path, int64_t size)
{
    static unsigned char header[PAGE_BYTES];
    uint32_t version = 1;
    uint32_t last = (uint32_t)(size / PAGE_BYTES - 1);
    memset(header, 0, sizeof header);
    memcpy(header + HEADER_VERSION, &version, sizeof version);
    memcpy(header + HEADER_LAST_PAGE, &last, sizeof last);
    memcpy(header + PAGE_BYTES - (sizeof SIGNATURE - 1), SIGNATURE, sizeof SIGNATURE - 1);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        return errno;
    int error = pwrite(descriptor, header, sizeof header, 0) == (ssize_t)sizeof header && fsync(descriptor) == 0 ? 0 : errno;
    close(descriptor);
    return error;
}

/*
 * The flags for an area that the script gives no priority: none on a machine of our own; where others have swap, too, this one comes before
 * theirs, in the order of the script.
 */
static int own_priority(const Run *run)
{
    return run->world->may_tune ? 0 : SWAP_FLAG_PREFER | (HIGHEST_PRIORITY - run->swap_count);
}

/* Swaps an area of the statement's size on. Returns 0 or an errno. */
static int add_swap(Run *run)
{
    const Statement *statement = run->statement;
    int64_t size = evaluate(run, statement->args[0]);
    if (size < 2 * PAGE_BYTES || size % PAGE_BYTES != 0)
        stop_run(run, statement->args[0]->column, "expected a size in whole pages, found %lld", (long long)size);
    const char *path = statement->is_zram ? prepare_zram(run->world, run->swap_count, size, statement->mem_limit)
                                          : prepare_swap_disk(run->world, run->swap_count, size);
    int error = write_swap_header(path, size);
    int flags = statement->number >= 0 ? SWAP_FLAG_PREFER | (int)statement->number : own_priority(run);
    if (error == 0 && swapon(path, flags) < 0)
        error = errno;
    if (error == 0)
        run->swap_count++;
    return error;
}

/* The directory below which this script's cgroups are, and what stands before their names there. */
int group_root(Run *run, const char **prefix)
{
    *prefix = run->world->may_tune ? "" : "pagewalk-";
    int root = open_groups(run->world, run->script->has_old_groups);
    if (root < 0)
        stop_run(run, run->statement->group.column, "this kernel has no memory cgroups of version %d",
                 run->script->has_old_groups ? 1 : 2);
    return root;
}

/* A file of a group, as a path below the root. */
const char *group_path(const char *prefix, const char *group, const char *file)
{
    return take_format("%s%s/%s", prefix, group, file);
}

/* Makes a group that the script has not made. Returns 0 or an errno. */
static int make_group(Run *run, int root, const char *prefix)
{
    const char *name = run->statement->group.text;
    for (int i = 0; i < run->group_count; i++)
        if (strcmp(run->groups[i], name) == 0)
            return 0;
    if (run->group_count == GROUPS_MAX)
        return ENOSPC;
    const char *last = strrchr(name, '/');
    if (!run->script->has_old_groups) {
        const char *parent = last ? take_text(name, (size_t)(last - name)) : "";
        const char *control = last ? group_path(prefix, parent, "cgroup.subtree_control") : "cgroup.subtree_control";
        int error = write_text(root, control, "+memory");
        if (error)
            return error;
    }
    if (mkdirat(root, take_format("%s%s", prefix, name), 0755) < 0)
        return errno;
    run->groups[run->group_count++] = name;
    return 0;
}

/* Makes the statement's group unless it is there, and writes its files. Returns 0 or an errno. */
static int set_group(Run *run)
{
    const Statement *statement = run->statement;
    const char *prefix;
    int root = group_root(run, &prefix);
    int error = make_group(run, root, prefix);
    for (int i = 0; error == 0 && i < statement->setting_count; i++) {
        const Setting *setting = &statement->settings[i];
        const char *text = take_format("%lld", (long long)setting->number);
        if (setting->number < 0 && !run->script->has_old_groups)
            text = "max";
        error = write_text(root, group_path(prefix, statement->group.text, setting->file), text);
    }
    return error;
}

int run_pressure(Run *run)
{
    return run->statement->kind == ACTION_SWAP ? add_swap(run) : set_group(run);
}

int enter_group(Run *run, const Task *task)
{
    const char *prefix;
    int root = group_root(run, &prefix);
    return write_text(root, group_path(prefix, run->statement->group.text, "cgroup.procs"), take_format("%d", task->id));
}

int adjust_score(Run *run, const Task *task)
{
    return write_text(run->world->proc, take_format("%d/oom_score_adj", task->id),
                      take_format("%lld", (long long)run->statement->number));
}

/* The text of a file below a directory. Ends the script when there is none. */
static char *take_file(Run *run, int directory, const char *path)
{
    int descriptor = openat(directory, path, O_RDONLY | O_CLOEXEC);
    char *text = descriptor < 0 ? NULL : take_contents(descriptor, NULL);
    if (text == NULL)
        stop_run(run, 1, "%s: %s", path, strerror(errno));
    close(descriptor);
    return text;
}

/* Whether a line is one that the statement asks for: all without names, else those whose first word is one of them. */
static bool is_wanted(const Statement *statement, const char *line)
{
    for (int i = 0; i < statement->field_count; i++) {
        size_t length = strlen(statement->fields[i].text);
        if (strncmp(line, statement->fields[i].text, length) == 0 && line[length] == ' ')
            return true;
    }
    return statement->field_count == 0;
}

void print_group_file(Run *run)
{
    const char *prefix;
    int root = group_root(run, &prefix);
    char *rest = take_file(run, root, group_path(prefix, run->statement->group.text, run->statement->group_file));
    for (char *line; (line = strtok_r(rest, "\n", &rest));)
        if (is_wanted(run->statement, line))
            printf("| %s\n", line);
}

void print_pressure(Run *run)
{
    if (run->statement->group.text) {
        print_group_file(run);
        return;
    }
    char *rest = take_file(run, run->world->proc, "pressure/memory");
    for (char *line; (line = strtok_r(rest, "\n", &rest));)
        printf("| %s\n", line);
}

void print_swaps(Run *run)
{
    char *rest = take_file(run, run->world->proc, "swaps");
    strtok_r(rest, "\n", &rest);
    for (int i = 1; i <= run->swap_count; i++) {
        char *field = strtok_r(rest, "\n", &rest);
        printf("| swap%d", i);
        if (field)
            strtok_r(field, " \t", &field);
        for (char *word; field && (word = strtok_r(field, " \t", &field));)
            printf(" %s", word);
        printf("\n");
    }
}

/* The line of a statistics file of a zram device, blanks between its numbers as one. */
static void print_zram_file(Run *run, int number, int device, const char *name)
{
    char *rest = take_file(run, run->world->sys, take_format("block/zram%d/%s", device, name));
    printf("| zram%d %s", number, name);
    for (char *word; (word = strtok_r(rest, " \n", &rest));)
        printf(" %s", word);
    printf("\n");
}

void print_zram(Run *run)
{
    int number = 0;
    for (int i = 0; i < run->swap_count; i++) {
        int device = swap_disk(run->world, i)->zram;
        if (device < 0)
            continue;
        print_zram_file(run, number, device, "mm_stat");
        print_zram_file(run, number++, device, "io_stat");
    }
}

/* `NAME N` of /proc/vmstat. */
static int64_t vmstat_value(const char *text, const char *name)
{
    const char *at = strstr(text, take_format("\n%s ", name));
    return at ? strtoll(at + strlen(name) + 2, NULL, 10) : 0;
}

/* Reads what is counted by others than tasks, for the whole machine. */
static Totals read_totals(Run *run)
{
    size_t mark = take_mark();
    int refresh = openat(run->world->proc, "sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);
    char refreshed[16];
    if (refresh >= 0 && read(refresh, refreshed, sizeof refreshed) < 0)
        errno = 0;
    close(refresh);
    const char *text = take_file(run, run->world->proc, "vmstat");
    Totals totals = {.swapin = vmstat_value(text, "pswpin"),
                     .swapout = vmstat_value(text, "pswpout"),
                     .refault_anon = vmstat_value(text, "workingset_refault_anon"),
                     .refault_file = vmstat_value(text, "workingset_refault_file")};
    long long read_sectors = 0;
    long long written_sectors = 0;
    char disk[256] = "";
    if (run->world->disk_stat >= 0 && pread(run->world->disk_stat, disk, sizeof disk - 1, 0) > 0)
        sscanf(disk, "%*s %*s %lld %*s %*s %*s %lld", &read_sectors, &written_sectors);
    totals.filein = read_sectors / (PAGE_BYTES / 512);
    totals.fileout = written_sectors / (PAGE_BYTES / 512);
    give_back(mark);
    return totals;
}

void note_totals(Run *run)
{
    if (run->script->is_pressure)
        run->before = read_totals(run);
}

/* Resident pages of a task. */
static int64_t resident_pages(Run *run, const Task *task)
{
    size_t mark = take_mark();
    long long pages = 0;
    sscanf(read_task_file(&run->tasks, task, "statm", NULL), "%*s %lld", &pages);
    give_back(mark);
    return pages;
}

/* Pages of the script's files in the page cache. */
static int64_t cached_pages(Run *run)
{
    int64_t count = 0;
    for (int i = 0; i < run->script->count && &run->script->statements[i] < run->statement; i++) {
        const Statement *statement = &run->script->statements[i];
        if (statement->kind != ACTION_FILE)
            continue;
        size_t mark = take_mark();
        size_t pages;
        const unsigned char *cached = read_cached(run, statement->file.text, &pages);
        for (size_t j = 0; j < pages; j++)
            count += cached[j] & 1;
        give_back(mark);
    }
    return count;
}

void print_totals(Run *run)
{
    Faults faults = {0, 0};
    int64_t resident = 0;
    Totals now = read_totals(run);
    const Totals *before = &run->before;
    for (int i = 0; i < run->tasks.count; i++) {
        Task *task = &run->tasks.list[i];
        if (!task->has_ended) {
            task->known = read_faults(&run->tasks, task);
            resident += resident_pages(run, task);
        }
        faults.minor += task->known.minor - task->started.minor;
        faults.major += task->known.major - task->started.major;
    }
    printf("| minor %lld\n| major %lld\n", (long long)faults.minor, (long long)faults.major);
    printf("| swapin %lld\n| swapout %lld\n", (long long)(now.swapin - before->swapin), (long long)(now.swapout - before->swapout));
    printf("| refault_anon %lld\n", (long long)(now.refault_anon - before->refault_anon));
    printf("| refault_file %lld\n", (long long)(now.refault_file - before->refault_file));
    printf("| filein %lld\n| fileout %lld\n", (long long)(now.filein - before->filein), (long long)(now.fileout - before->fileout));
    printf("| rss %lld\n| cache %lld\n", (long long)resident, (long long)cached_pages(run));
}

void wait_for_quiet_swap(const Run *run)
{
    for (int i = 0; i < run->swap_count; i++)
        wait_for_quiet(swap_disk(run->world, i)->inflight);
}

void end_pressure(Run *run)
{
    const char *prefix = run->world->may_tune ? "" : "pagewalk-";
    if (!run->script->is_pressure)
        return;
    for (int i = 0; i < run->script->count; i++)
        if (run->script->statements[i].kind == ACTION_FILE)
            unlinkat(run->world->directory, run->script->statements[i].file.text, 0);
    for (int i = run->group_count - 1; i >= 0; i--) {
        const char *path = take_format("%s%s", prefix, run->groups[i]);
        int root = open_groups(run->world, run->script->has_old_groups);
        for (int tries = 0; tries < REMOVE_TRIES && unlinkat(root, path, AT_REMOVEDIR) < 0 && errno == EBUSY; tries++)
            nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
    for (int i = 0; i < run->swap_count; i++)
        release_swap_disk(run->world, i);
}

/*
 * What `show` prints: the kernel's files, with what two machines cannot agree on made equal. docs/script.md, section 10.
 */
#include "base.h"
#include "run.h"
#include "zram.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the path of a mapping's header line begins. */
#define PATH_COLUMN 73

#define PAGEMAP_CHUNK 4096

/* The pieces of a header line of maps and smaps. */
typedef struct Header {
    uint64_t start;
    uint64_t end;
    int kept;         /* characters before the device */
    const char *path; /* "" for none */
} Header;

/* Reads `start-end perms offset device inode[ path]`. Returns whether the line is one. */
static bool read_header(const char *line, Header *header)
{
    unsigned long long start;
    unsigned long long end;
    int device = 0;
    int path = 0;
    if (sscanf(line, "%llx-%llx %*[rwxps-] %*x %n%*x:%*x %*u%n", &start, &end, &device, &path) < 2 || path == 0)
        return false;
    while (line[path] == ' ')
        path++;
    *header = (Header){start, end, device, line + path};
    return true;
}

/* Cuts the next line off a text. Returns NULL at its end. */
static char *next_line(char **text)
{
    char *line = *text;
    if (*line == 0)
        return NULL;
    char *end = line + strcspn(line, "\n");
    *text = end + (*end == '\n');
    *end = 0;
    return line;
}

/* Prints a header line with the device 00:00, the inode 0 and the runner's directory as /pw. */
static void print_header(const Run *run, const char *line, const Header *header)
{
    const char *own = run->world->path;
    size_t length = strlen(own);
    char head[128];
    snprintf(head, sizeof head, "%.*s00:00 0 ", header->kept, line);
    if (*header->path == 0)
        printf("| %s\n", head);
    else if (strncmp(header->path, own, length) == 0 && header->path[length] == '/')
        printf("| %-*s/pw%s\n", PATH_COLUMN, head, header->path + length);
    else
        printf("| %-*s%s\n", PATH_COLUMN, head, header->path);
}

/* Prints maps or smaps, of the mappings that touch [start, end). */
static void print_mappings(Run *run, const Task *task, const char *name, uint64_t start, uint64_t end)
{
    char *text = read_task_file(&run->tasks, task, name, NULL);
    bool is_wanted = true;
    Header header;
    for (char *line; (line = next_line(&text));) {
        bool is_header = read_header(line, &header);
        if (is_header)
            is_wanted = header.start < end && start < header.end;
        if (!is_wanted)
            continue;
        if (is_header)
            print_header(run, line, &header);
        else
            printf("| %s\n", line);
    }
}

/* Prints all entries, or those of the mappings asked for. */
static void print_smaps(Run *run, const Task *task)
{
    const Statement *statement = run->statement;
    if (statement->arg_count == 0) {
        print_mappings(run, task, "smaps", 0, UINT64_MAX);
        return;
    }
    uint64_t start = (uint64_t)evaluate(run, statement->args[0]);
    uint64_t length = statement->arg_count > 1 ? (uint64_t)evaluate(run, statement->args[1]) : 1;
    print_mappings(run, task, "smaps", start, start + length);
}

/* Prints a file's lines; of status only those about memory. */
static void print_lines(Run *run, const Task *task, const char *name, bool only_memory)
{
    char *text = read_task_file(&run->tasks, task, name, NULL);
    for (char *line; (line = next_line(&text));)
        if (!only_memory || strncmp(line, "Vm", 2) == 0 || strncmp(line, "Rss", 3) == 0)
            printf("| %s\n", line);
}

/* Prints the faults since the task's last time. */
static void print_faults(Run *run, Task *task)
{
    Faults now = read_faults(&run->tasks, task);
    printf("| minor %lld\n| major %lld\n", (long long)(now.minor - task->shown.minor), (long long)(now.major - task->shown.major));
    task->shown = now;
}

/* The names of an entry's flags. */
static const char *pagemap_flags(uint64_t entry)
{
    static const struct {
        int bit;
        const char *name;
    } FLAGS[] = {{63, "present"}, {62, "swapped"}, {61, "file"}, {56, "exclusive"}, {57, "uffd-wp"}, {55, "soft-dirty"}};
    const char *text = "";
    for (size_t i = 0; i < sizeof FLAGS / sizeof FLAGS[0]; i++)
        if (entry >> FLAGS[i].bit & 1)
            text = take_format("%s%s%s", text, *text ? " " : "", FLAGS[i].name);
    return *text ? text : "none";
}

/* Prints one line: pages whose entries say the same. */
static void print_pagemap_run(const Run *run, int64_t start, int64_t end, uint64_t entry)
{
    const Region *region = nearest_region(&run->regions, start);
    printf("| %s..%s %s\n", format_relative(region, start), format_relative(region, end), pagemap_flags(entry));
}

/* The bits of an entry that are shown. */
static uint64_t shown_bits(uint64_t entry)
{
    return entry & (UINT64_C(0x7) << 61 | UINT64_C(0x7) << 55);
}

/* Prints the entries of a range of pages, run by run. */
static void print_pagemap(Run *run, const Task *task)
{
    static uint64_t entries[PAGEMAP_CHUNK];
    int64_t address = evaluate(run, run->statement->args[0]);
    int64_t length = evaluate(run, run->statement->args[1]);
    int64_t start = address / PAGE_BYTES * PAGE_BYTES;
    int64_t end = (address + length + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    int file = openat(run->world->proc, take_format("%d/pagemap", task->id), O_RDONLY | O_CLOEXEC);
    if (file < 0 || address < 0)
        stop_run(run, run->statement->args[0]->column, "pagemap: %s", file < 0 ? strerror(errno) : "no user address");
    int64_t first = start;
    uint64_t bits = 0;
    for (int64_t at = start; at < end;) {
        size_t left = (size_t)((end - at) / PAGE_BYTES);
        size_t wanted = left < PAGEMAP_CHUNK ? left : PAGEMAP_CHUNK;
        ssize_t got = pread(file, entries, wanted * 8, at / PAGE_BYTES * 8);
        if (got <= 0)
            stop_run(run, run->statement->args[1]->column, "pagemap ends before the range does");
        for (ssize_t i = 0; i < got / 8; i++, at += PAGE_BYTES) {
            if (at > first && shown_bits(entries[i]) != bits) {
                print_pagemap_run(run, first, at, bits);
                first = at;
            }
            bits = shown_bits(entries[i]);
        }
    }
    if (end > first)
        print_pagemap_run(run, first, end, bits);
    close(file);
}

/* Prints the runs of a file's cached pages. */
static void print_cached(Run *run)
{
    size_t pages;
    const unsigned char *cached = read_cached(run, run->statement->file.text, &pages);
    bool is_any = false;
    for (size_t page = 0; page < pages; page++) {
        size_t first = page;
        while (page < pages && cached[page] & 1)
            page++;
        if (page == first)
            continue;
        is_any = true;
        printf("| %s..%s\n", format_size((int64_t)first * PAGE_BYTES), format_size((int64_t)page * PAGE_BYTES));
    }
    if (!is_any)
        printf("| none\n");
}

/* A field's name as the kernel writes it: `Active_anon` of meminfo stands for `Active(anon)`. */
static const char *kernel_field(View view, const char *name)
{
    size_t length = strlen(name);
    if (view != VIEW_MEMINFO || length <= 5)
        return name;
    const char *tail = name + length - 5;
    if (strcmp(tail, "_anon") != 0 && strcmp(tail, "_file") != 0)
        return name;
    return take_format("%.*s(%s)", (int)(length - 5), name, tail + 1);
}

/* The kernel's counters as they are now, every processor's share added up. */
static char *read_counters(Run *run, View view)
{
    char refreshed[16];
    int refresh = openat(run->world->proc, "sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);
    if (refresh >= 0) {
        if (read(refresh, refreshed, sizeof refreshed) < 0)
            errno = 0;
        close(refresh);
    }
    int file = openat(run->world->proc, view == VIEW_VMSTAT ? "vmstat" : "meminfo", O_RDONLY | O_CLOEXEC);
    char *text = file < 0 ? NULL : take_contents(file, NULL);
    if (text == NULL)
        refuse("reading counters: %s", strerror(errno));
    close(file);
    return text;
}

/* Finds `name N` or `name: N kB`. */
static bool find_counter(const char *text, const char *name, int64_t *value)
{
    size_t length = strlen(name);
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, name, length) != 0 || (line[length] != ' ' && line[length] != ':'))
            continue;
        *value = strtoll(line + length + 1, NULL, 10);
        return true;
    }
    return false;
}

/* Sets what a field was when last shown. Returns the change since. */
static int64_t see_counter(Run *run, View view, const char *field, int64_t value)
{
    int i = 0;
    while (i < run->seen_count && (run->seen[i].view != view || strcmp(run->seen[i].field, field) != 0))
        i++;
    if (i == SEEN_MAX)
        refuse("more than %d different fields", SEEN_MAX);
    if (i == run->seen_count)
        run->seen[run->seen_count++] = (Seen){view, field, value};
    int64_t change = value - run->seen[i].value;
    run->seen[i].value = value;
    return change;
}

/* Prints how the fields asked for have changed. */
static void print_counters(Run *run, const Statement *statement)
{
    const char *text = read_counters(run, statement->view);
    for (int i = 0; i < statement->field_count; i++) {
        const Word *field = &statement->fields[i];
        int64_t value;
        if (!find_counter(text, kernel_field(statement->view, field->text), &value))
            stop_run(run, field->column, "the kernel has no field %s", field->text);
        int64_t change = see_counter(run, statement->view, field->text, value);
        printf("| %s %s%lld\n", field->text, change > 0 ? "+" : "", (long long)change);
    }
}

void note_fields(Run *run)
{
    for (int i = 0; i < run->script->count; i++) {
        const Statement *statement = &run->script->statements[i];
        if (statement->kind != ACTION_SHOW || (statement->view != VIEW_VMSTAT && statement->view != VIEW_MEMINFO))
            continue;
        size_t mark = take_mark();
        const char *text = read_counters(run, statement->view);
        for (int j = 0; j < statement->field_count; j++) {
            const char *field = statement->fields[j].text;
            int64_t value;
            if (find_counter(text, kernel_field(statement->view, field), &value))
                see_counter(run, statement->view, field, value);
        }
        give_back(mark);
    }
}

void run_show(Run *run, Task *task)
{
    const Statement *statement = run->statement;
    printf("%s\n", statement->text);
    /* A task that was killed for memory has nothing to show. */
    if (task == NULL && statement->view <= VIEW_PAGEMAP)
        return;
    switch (statement->view) {
    case VIEW_MAPS:
        print_mappings(run, task, "maps", 0, UINT64_MAX);
        break;
    case VIEW_SMAPS:
        print_smaps(run, task);
        break;
    case VIEW_SMAPS_ROLLUP:
        print_mappings(run, task, "smaps_rollup", 0, UINT64_MAX);
        break;
    case VIEW_STATUS:
        print_lines(run, task, "status", true);
        break;
    case VIEW_STATM:
        print_lines(run, task, "statm", false);
        break;
    case VIEW_FAULTS:
        print_faults(run, task);
        break;
    case VIEW_PAGEMAP:
        print_pagemap(run, task);
        break;
    case VIEW_CACHED:
        print_cached(run);
        break;
    case VIEW_VMSTAT:
    case VIEW_MEMINFO:
        print_counters(run, statement);
        break;
    case VIEW_CGROUP:
        print_group_file(run);
        break;
    case VIEW_SWAPS:
        print_swaps(run);
        break;
    case VIEW_PRESSURE:
        print_pressure(run);
        break;
    case VIEW_TOTALS:
        print_totals(run);
        break;
    case VIEW_DMESG:
        print_messages(run);
        break;
    case VIEW_WATCHED:
        print_watch(run);
        break;
    case VIEW_ZRAM:
        print_zram(run);
        break;
    }
}

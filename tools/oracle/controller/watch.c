/*
 * Watches: eventfds bound to files of memory cgroups of version 1. docs/script.md, section 8a.
 */
#include "base.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Workers of the kernel tell of pressure when they get a processor: so long they are given before a watch is read. */
#define SETTLE_US 20000

static Watch *find_watch(Run *run, const char *name)
{
    for (int i = 0; i < run->watch_count; i++)
        if (strcmp(run->watches[i].name, name) == 0)
            return &run->watches[i];
    return NULL;
}

/* Binds an eventfd to the statement's file. Returns 0 or an errno. */
static int bind_watch(Run *run, int events)
{
    const Statement *statement = run->statement;
    const char *prefix;
    int root = group_root(run, &prefix);
    int file = openat(root, group_path(prefix, statement->group.text, statement->group_file), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno;
    const char *line = take_format("%d %d %s", events, file, statement->watch_args);
    int error = write_text(root, group_path(prefix, statement->group.text, "cgroup.event_control"), line);
    close(file);
    return error;
}

int make_watch(Run *run)
{
    const char *name = run->statement->watch.text;
    Watch *watch = find_watch(run, name);
    if (watch == NULL && run->watch_count == WATCHES_MAX)
        return ENOSPC;
    int events = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (events < 0)
        return errno;
    int error = bind_watch(run, events);
    if (error) {
        close(events);
        return error;
    }
    if (watch == NULL)
        watch = &run->watches[run->watch_count++];
    else
        close(watch->events);
    *watch = (Watch){name, events};
    return 0;
}

void print_watch(Run *run)
{
    const char *name = run->statement->watch.text;
    const Watch *watch = find_watch(run, name);
    uint64_t count = 0;
    if (watch == NULL)
        stop_run(run, run->statement->watch.column, "there is no watch %s", name);
    usleep(SETTLE_US);
    if (read(watch->events, &count, sizeof count) != (ssize_t)sizeof count)
        count = 0;
    printf("| %s %llu\n", name, (unsigned long long)count);
}

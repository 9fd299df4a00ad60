/*
 * together ... end: several tasks run at once, each its own lines in order. docs/script.md, section 8a.
 *
 * Every task is kept busy with a batch of accesses or a call of its own, and whichever stops first gets its next one, so the kernel alone
 * decides who runs; a task that waits for swap holds nobody up.
 */
#include "base.h"
#include "run.h"

#include <stdio.h>

/* A statement between together and end. */
typedef struct Line {
    const Statement *statement;
    Task *task;
    bool has_begun;
    const char *result; /* NULL: not done yet */
    Faults faults;      /* when it began; then those it took */
    uint64_t arguments[CALL_ARGS_MAX];
    Touch touch;
} Line;

/* The lines of one together. */
typedef struct Group {
    Line *lines;
    int count;
    int running;
} Group;

/* Starts a line. */
static void begin_line(Run *run, Group *group, Line *line)
{
    run->statement = line->statement;
    line->has_begun = true;
    line->faults = line->task->known = read_faults(&run->tasks, line->task);
    if (line->statement->kind == ACTION_CALL)
        start_call(run, line->task, line->arguments);
    else
        start_touch(run, line->task, &line->touch);
    group->running++;
}

/* Starts the first line of a task that is not done; where the task has ended, drops all of them. */
static void begin_next(Run *run, Group *group, Task *task)
{
    for (int i = 0; i < group->count; i++) {
        Line *line = &group->lines[i];
        if (line->task != task || line->result)
            continue;
        if (!task->has_ended) {
            begin_line(run, group, line);
            return;
        }
        line->result = "dropped";
    }
}

/* The line a task is in, or NULL. */
static Line *running_line(Group *group, const Task *task)
{
    for (int i = 0; i < group->count; i++)
        if (group->lines[i].task == task && group->lines[i].has_begun && group->lines[i].result == NULL)
            return &group->lines[i];
    return NULL;
}

/* Takes a line on after its task stopped: further, or to its result and the task's next line. */
static void go_on(Run *run, Group *group, Line *line, const Stop *stop)
{
    run->statement = line->statement;
    line->result = line->statement->kind == ACTION_CALL ? format_call(run, line->task, stop, line->arguments)
                                                        : go_on_touching(run, line->task, &line->touch, stop);
    if (line->result == NULL)
        return;
    group->running--;
    if (!line->task->has_ended) {
        Faults now = line->task->known = read_faults(&run->tasks, line->task);
        line->faults = (Faults){now.minor - line->faults.minor, now.major - line->faults.major};
    } else
        line->faults = (Faults){0, 0};
    begin_next(run, group, line->task);
}

/* Writes the lines with their results. */
static void print_lines(const Group *group)
{
    for (int i = 0; i < group->count; i++) {
        const Line *line = &group->lines[i];
        printf("%s = %s", line->statement->text, line->result);
        if (line->has_begun && line->faults.minor)
            printf(" minor %lld", (long long)line->faults.minor);
        if (line->has_begun && line->faults.major)
            printf(" major %lld", (long long)line->faults.major);
        printf("\n");
    }
}

int run_together(Run *run, int index)
{
    const Script *script = run->script;
    int end = index + 1;
    while (end < script->count && script->statements[end].kind != ACTION_END)
        end++;
    Group group = {take(sizeof(Line) * (size_t)(end - index)), end - index - 1, 0};
    printf("%s\n", script->statements[index].text);
    reap_killed(&run->tasks);
    for (int i = 0; i < group.count; i++) {
        const Statement *statement = &script->statements[index + 1 + i];
        const char *name = statement->task.text ? statement->task.text : "main";
        group.lines[i] = (Line){.statement = statement, .task = task_named(&run->tasks, name)};
        if (group.lines[i].task == NULL) {
            run->statement = statement;
            stop_run(run, 1, "no task is named %s", name);
        }
    }
    for (int i = 0; i < run->tasks.count; i++)
        begin_next(run, &group, &run->tasks.list[i]);
    while (group.running > 0) {
        Stop stop;
        Task *task = wait_for_any(&run->tasks, &stop);
        Line *line = running_line(&group, task);
        if (line)
            go_on(run, &group, line, &stop);
    }
    print_lines(&group);
    printf("end\n");
    return end < script->count ? end : script->count - 1;
}

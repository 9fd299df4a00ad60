/*
 * Runs a script's statements one after the other; see run.h. docs/script.md, sections 3, 7 and 9.
 */
#include "run.h"

#include "base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define NUMBER_MAX 9007199254740991 /* 2^53 - 1 */
#define OR_MAX INT32_MAX

/* Nothing of the script is left: no task, no changed tunable. */
static void end_run(Run *run)
{
    fflush(stdout);
    end_tasks(&run->tasks);
    end_pressure(run);
    put_back_tuned(run);
}

void stop_run(Run *run, int column, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end_run(run);
    fprintf(stderr, "%s:%d:%d: ", run->script->file, run->statement->line, column);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_STOPPED);
}

/* The value of a name, or NULL. */
static Value *find_value(Run *run, const char *name)
{
    for (int i = 0; i < run->value_count; i++)
        if (strcmp(run->values[i].name, name) == 0)
            return &run->values[i];
    return NULL;
}

void set_value(Run *run, const char *name, int64_t number)
{
    Value *value = find_value(run, name);
    if (value == NULL) {
        if (run->value_count == VALUES_MAX)
            refuse("more than %d names", VALUES_MAX);
        value = &run->values[run->value_count++];
    }
    *value = (Value){name, number};
}

/* A name's value: what it was bound to, or a constant. */
static int64_t evaluate_name(Run *run, const Expr *expr)
{
    int64_t number;
    const Value *value = find_value(run, expr->name);
    if (value)
        return value->number;
    if (!find_constant(expr->name, &number))
        stop_run(run, expr->column, "%s is not bound: the call that should have bound it failed", expr->name);
    return number;
}

int64_t evaluate(Run *run, const Expr *expr)
{
    if (expr->kind == EXPR_NUMBER)
        return expr->number;
    if (expr->kind == EXPR_NAME)
        return evaluate_name(run, expr);
    int64_t left = evaluate(run, expr->left);
    int64_t right = expr->right ? evaluate(run, expr->right) : 0;
    int64_t result = 0;
    bool is_too_large = false;
    switch (expr->kind) {
    case EXPR_NEGATE:
        return -left;
    case EXPR_ADD:
        result = left + right;
        break;
    case EXPR_SUBTRACT:
        result = left - right;
        break;
    case EXPR_MULTIPLY:
        is_too_large = __builtin_mul_overflow(left, right, &result);
        break;
    default:
        if (left < 0 || right < 0 || left > OR_MAX || right > OR_MAX)
            stop_run(run, expr->column, "expected numbers from 0 to 2^31 - 1 beside |");
        result = left | right;
    }
    if (is_too_large || result > NUMBER_MAX || result < -NUMBER_MAX)
        stop_run(run, expr->column, "expected a number below 2^53");
    return result;
}

/* Binds one of the names that a script begins with. */
static void bind_base(Run *run, const char *name, uint64_t address, int64_t length)
{
    set_value(run, name, (int64_t)address);
    bind_region(&run->regions, name, (int64_t)address, length);
}

/* Starts the first task, binds the names a script begins with, and writes the transcript's first line. */
static void begin_run(Run *run)
{
    Layout *layout = &run->layout;
    const Task *task = start_main(&run->tasks, run->script->strings, run->script->string_count, layout);
    set_value(run, "main", task->id);
    bind_base(run, "text", UINT64_C(0x400000), PAGE_BYTES);
    bind_base(run, "heap", layout->heap, 0);
    bind_base(run, "top", layout->top, 0);
    bind_base(run, "stack", layout->stack, 0);
    printf("bases text=0x400000 heap=0x%llx top=0x%llx stack=0x%llx\n", (unsigned long long)layout->heap,
           (unsigned long long)layout->top, (unsigned long long)layout->stack);
}

/* The task a statement is for. */
static Task *running_task(Run *run)
{
    const Word *word = &run->statement->task;
    Task *task = task_named(&run->tasks, word->text ? word->text : "main");
    int column = word->text ? word->column : 1;
    if (task == NULL)
        stop_run(run, column, "no task is named %s", word->text);
    if (task->has_ended)
        stop_run(run, column, "task %s has ended", task->name);
    return task;
}

/* The same; NULL where memory pressure killed it. */
static Task *statement_task(Run *run)
{
    const Word *word = &run->statement->task;
    if (!run->script->is_pressure)
        return running_task(run);
    reap_killed(&run->tasks);
    Task *task = task_named(&run->tasks, word->text ? word->text : "main");
    return task && task->has_ended && WIFSIGNALED(task->status) ? NULL : running_task(run);
}

/* Runs a call or an access and writes its line, with the faults that the task took. */
static void run_action(Run *run, Task *task)
{
    const Statement *statement = run->statement;
    Faults before = task->known = read_faults(&run->tasks, task);
    const char *result = statement->kind == ACTION_CALL     ? run_call(run, task)
                         : statement->kind == ACTION_ACCESS ? run_access(run, task)
                                                            : run_pattern(run, task);
    printf("%s = %s", statement->text, result);
    if (!task->has_ended) {
        Faults after = read_faults(&run->tasks, task);
        if (after.minor != before.minor)
            printf(" minor %lld", (long long)(after.minor - before.minor));
        if (after.major != before.major)
            printf(" major %lld", (long long)(after.major - before.major));
    }
    printf("\n");
}

/* Runs the statement and writes its line, or lines. */
static void run_statement(Run *run)
{
    switch (run->statement->kind) {
    case ACTION_FILE:
    case ACTION_DROP:
    case ACTION_WARM:
    case ACTION_SYSCTL: {
        int error = run_directive(run);
        printf("%s = %s%s\n", run->statement->text, error ? "-1 " : "ok", error ? errno_name(error) : "");
        break;
    }
    case ACTION_SWAP:
    case ACTION_CGROUP:
    case ACTION_WATCH:
    case ACTION_ADJUST:
    case ACTION_ENTER: {
        Task *task = statement_task(run);
        int error = run->statement->kind == ACTION_ENTER    ? task == NULL ? ESRCH : enter_group(run, task)
                    : run->statement->kind == ACTION_ADJUST ? task == NULL ? ESRCH : adjust_score(run, task)
                                                            : run->statement->kind == ACTION_WATCH  ? make_watch(run)
                                                            : run_pressure(run);
        printf("%s = %s%s\n", run->statement->text, error ? "-1 " : "ok", error ? errno_name(error) : "");
        break;
    }
    case ACTION_SHOW:
        run_show(run, statement_task(run));
        break;
    default: {
        Task *task = statement_task(run);
        if (task)
            run_action(run, task);
        else
            printf("%s = dropped\n", run->statement->text);
    }
    }
}

void run_script(const World *world, const Script *script)
{
    static Run run;
    run.world = world;
    run.script = script;
    run.tasks.world = world;
    begin_run(&run);
    note_fields(&run);
    note_totals(&run);
    skip_messages(&run);
    for (int i = 0; i < script->count; i++) {
        size_t mark = take_mark();
        run.statement = &script->statements[i];
        if (run.statement->kind == ACTION_PATTERN || run.statement->kind == ACTION_TOGETHER)
            start_clock(&run);
        else if (run.statement->kind == ACTION_FILE)
            reset_clock(&run);
        if (run.statement->kind == ACTION_TOGETHER)
            i = run_together(&run, i);
        else
            run_statement(&run);
        wait_for_quiet_disk(world);
        wait_for_quiet_swap(&run);
        /* What a changed tunable was before has to last until the end. */
        if (run.statement->kind != ACTION_SYSCTL)
            give_back(mark);
    }
    print_clock(&run);
    end_run(&run);
    exit(EXIT_RAN);
}
